// The libbpf that every other file here calls: our own build of 1.1, loaded once from a sealed memfd.

import { dlopen, JSCallback, type Pointer, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import embedded from "../../../build/libbpf-actplane.so" with { type: "file" };
import { ownedBytes, textUntilNul } from "../../base/bytes.ts";
import { errno, libc, pointerFromC, SystemError, sealedLibrary } from "../libc.ts";

const symbols = {
  bpf_link__destroy: { args: ["ptr"], returns: "i32" },
  bpf_link__fd: { args: ["ptr"], returns: "i32" },
  bpf_link__pin: { args: ["ptr", "ptr"], returns: "i32" },
  bpf_link_get_fd_by_id: { args: ["u32"], returns: "i32" },
  bpf_map__autocreate: { args: ["ptr"], returns: "bool" },
  bpf_map__btf_value_type_id: { args: ["ptr"], returns: "u32" },
  bpf_map__fd: { args: ["ptr"], returns: "i32" },
  bpf_map__initial_value: { args: ["ptr", "ptr"], returns: "ptr" },
  bpf_map__key_size: { args: ["ptr"], returns: "u32" },
  bpf_map__max_entries: { args: ["ptr"], returns: "u32" },
  bpf_map__name: { args: ["ptr"], returns: "cstring" },
  bpf_map__pin: { args: ["ptr", "ptr"], returns: "i32" },
  bpf_map__reuse_fd: { args: ["ptr", "i32"], returns: "i32" },
  bpf_map__set_autocreate: { args: ["ptr", "bool"], returns: "i32" },
  bpf_map__set_inner_map_fd: { args: ["ptr", "i32"], returns: "i32" },
  bpf_map__set_max_entries: { args: ["ptr", "u32"], returns: "i32" },
  bpf_map__type: { args: ["ptr"], returns: "u32" },
  bpf_map__value_size: { args: ["ptr"], returns: "u32" },
  bpf_map_create: { args: ["u32", "ptr", "u32", "u32", "u32", "ptr"], returns: "i32" },
  bpf_map_delete_elem: { args: ["i32", "ptr"], returns: "i32" },
  bpf_map_freeze: { args: ["i32"], returns: "i32" },
  bpf_map_get_fd_by_id: { args: ["u32"], returns: "i32" },
  bpf_map_get_next_key: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  bpf_map_lookup_elem: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  bpf_map_update_elem: { args: ["i32", "ptr", "ptr", "u64"], returns: "i32" },
  bpf_obj_get: { args: ["ptr"], returns: "i32" },
  bpf_obj_get_info_by_fd: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  bpf_obj_pin: { args: ["i32", "ptr"], returns: "i32" },
  bpf_object__btf: { args: ["ptr"], returns: "ptr" },
  bpf_object__close: { args: ["ptr"], returns: "void" },
  bpf_object__load: { args: ["ptr"], returns: "i32" },
  bpf_object__next_map: { args: ["ptr", "ptr"], returns: "ptr" },
  bpf_object__next_program: { args: ["ptr", "ptr"], returns: "ptr" },
  bpf_object__open_mem: { args: ["ptr", "usize", "ptr"], returns: "ptr" },
  bpf_prog_get_fd_by_id: { args: ["u32"], returns: "i32" },
  bpf_prog_test_run_opts: { args: ["i32", "ptr"], returns: "i32" },
  bpf_program__autoload: { args: ["ptr"], returns: "bool" },
  bpf_program__attach: { args: ["ptr"], returns: "ptr" },
  bpf_program__attach_cgroup: { args: ["ptr", "i32"], returns: "ptr" },
  bpf_program__attach_raw_tracepoint: { args: ["ptr", "ptr"], returns: "ptr" },
  bpf_program__fd: { args: ["ptr"], returns: "i32" },
  bpf_program__insn_cnt: { args: ["ptr"], returns: "usize" },
  bpf_program__insns: { args: ["ptr"], returns: "ptr" },
  bpf_program__name: { args: ["ptr"], returns: "cstring" },
  bpf_program__section_name: { args: ["ptr"], returns: "cstring" },
  bpf_program__set_attach_target: { args: ["ptr", "i32", "ptr"], returns: "i32" },
  bpf_program__set_autoload: { args: ["ptr", "bool"], returns: "i32" },
  bpf_program__set_expected_attach_type: { args: ["ptr", "u32"], returns: "i32" },
  bpf_program__set_log_buf: { args: ["ptr", "ptr", "usize"], returns: "i32" },
  bpf_program__set_log_level: { args: ["ptr", "u32"], returns: "i32" },
  bpf_program__set_type: { args: ["ptr", "u32"], returns: "i32" },
  bpf_program__type: { args: ["ptr"], returns: "u32" },
  btf__name_by_offset: { args: ["ptr", "u32"], returns: "cstring" },
  btf__raw_data: { args: ["ptr", "ptr"], returns: "ptr" },
  btf__type_by_id: { args: ["ptr", "u32"], returns: "ptr" },
  libbpf_num_possible_cpus: { args: [], returns: "i32" },
  libbpf_set_print: { args: ["ptr"], returns: "ptr" },
  libbpf_version_string: { args: [], returns: "cstring" },
  ring_buffer__consume: { args: ["ptr"], returns: "i32" },
  ring_buffer__epoll_fd: { args: ["ptr"], returns: "i32" },
  ring_buffer__free: { args: ["ptr"], returns: "void" },
  ring_buffer__new: { args: ["i32", "ptr", "ptr", "ptr"], returns: "ptr" },
} as const;

type Symbols = ReturnType<typeof dlopen<typeof symbols>>["symbols"];

let path: string | null = null;
let loaded: Symbols | null = null;

function libraryPath(): string {
  path ??= sealedLibrary("libbpf-actplane", readFileSync(embedded));
  return path;
}

/** The raw calls of libbpf; `checkedResult` and `checkedPointer` turn what they return into errors. */
export function libbpf(): Symbols {
  if (loaded === null) {
    loaded = dlopen(libraryPath(), symbols).symbols;
    if (!keepsWarnings) loaded.libbpf_set_print(printCallback().ptr);
  }
  return loaded;
}

/** What our own build adds (packaging/libbpf/steps.c, names.c). */
const ownSymbols = {
  actplane_await_names: { args: ["ptr"], returns: "void" },
  actplane_await_prepared: { args: ["ptr"], returns: "void" },
  actplane_forget_names: { args: ["ptr"], returns: "void" },
  actplane_give_up: { args: [], returns: "void" },
  actplane_keep_warnings: { args: [], returns: "void" },
  actplane_kept_warnings: { args: [], returns: "cstring" },
  actplane_load_programs: { args: ["ptr"], returns: "ptr" },
  actplane_loader: { args: [], returns: "ptr" },
  actplane_name_searcher: { args: [], returns: "ptr" },
  actplane_place_programs: { args: [], returns: "i32" },
  actplane_prepared_loader: { args: [], returns: "ptr" },
  actplane_preparer: { args: [], returns: "ptr" },
  actplane_put_off: { args: ["ptr"], returns: "i32" },
  actplane_resize: { args: ["ptr", "u32"], returns: "i32" },
  actplane_search_names: { args: ["ptr"], returns: "void" },
  actplane_settle: { args: ["ptr", "ptr"], returns: "i32" },
  actplane_show_names: { args: ["ptr", "i32", "u32", "u32"], returns: "i32" },
} as const;

let added: ReturnType<typeof dlopen<typeof ownSymbols>>["symbols"] | null = null;

/** The steps of a load (steps.ts), and the search for files (names.ts). */
export function own() {
  added ??= dlopen(libraryPath(), ownSymbols).symbols;
  return added;
}

/** While libbpf may say something on other threads, that stays in C. Of loading a program, which goes on after it, it says nothing. */
let keepsWarnings = false;

export function keepWarnings(): void {
  own().actplane_keep_warnings();
  keepsWarnings = true;
}

/** After `keepWarnings`. */
export function heedAgain(): void {
  keepsWarnings = false;
  libbpf().libbpf_set_print(printCallback().ptr);
}

/** Runs `work`, in which libbpf may be called on other threads. */
export function withoutCallbacks<T>(work: () => T): T {
  keepWarnings();
  try {
    return work();
  } finally {
    heedAgain();
    recentWarnings = String(own().actplane_kept_warnings() ?? "")
      .split("\n")
      .filter((line) => line !== "");
  }
}

// -- what libbpf says -----------------------------------------------------------------------------------------------

/** libbpf's own levels: 0 warning, 1 information, 2 debug. */
export type LogSink = (level: number, line: string) => void;

const LEVEL_WARNING = 0;
const warningsKept = 32;
const lineBytesMax = 16 * 1024;

let recentWarnings: string[] = [];
let logSink: LogSink | null = null;

/** Sees every line that libbpf prints. Without one, warnings are still kept for the text of the next error. */
export function setLogSink(sink: LogSink | null): void {
  logSink = sink;
}

// The callback lives as long as the library may print, which is as long as the process.
let keptCallback: JSCallback | null = null;

function printCallback(): JSCallback {
  if (keptCallback !== null) return keptCallback;
  const line = ownedBytes(lineBytesMax);
  const print = (level: number, format: Pointer, values: Pointer): number => {
    if (level > LEVEL_WARNING && logSink === null) return 0;
    libc.vsnprintf(ptr(line), line.length, format, values);
    const text = textUntilNul(line).trimEnd();
    if (level === LEVEL_WARNING) recentWarnings = [...recentWarnings.slice(1 - warningsKept), text];
    logSink?.(level, text);
    return 0;
  };
  // INVARIANT: libbpf says something on the main thread only, or keepWarnings() is in force: the callback never comes from another.
  keptCallback = new JSCallback(print, { args: ["u32", "ptr", "ptr"], returns: "i32" });
  return keptCallback;
}

function takeWarnings(): string {
  const warnings = recentWarnings.join("\n");
  recentWarnings = [];
  return warnings;
}

// -- errors ---------------------------------------------------------------------------------------------------------

/** `result` of a libbpf call, which says minus errno on failure. */
export function checkedResult(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, -result, takeWarnings());
  return result;
}

/** The pointer a libbpf call returned: null, with errno, on failure. */
export function checkedPointer(call: string, returned: Pointer | bigint | null): Pointer {
  const failure = returned === null ? errno() : 0;
  const pointer = pointerFromC(returned);
  if (pointer === null) throw new SystemError(call, failure, takeWarnings());
  return pointer;
}
