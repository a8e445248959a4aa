// Which actplane this is.

export { version } from "../../package.json";
