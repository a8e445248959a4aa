// How arktype is set up, which has to come before its first import: shapes are walked instead of compiled. That halves
// its import, and no code is made from text in a process that may be root's.

import { configure } from "arktype/config";

configure({ jitless: true });
