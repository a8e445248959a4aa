// What a kernel driver needs of libbpf. The parts are in libbpf/; each is one kind of thing libbpf hands out.

export {
  type LinkInfo,
  linkFdById,
  linkInfo,
  type MapInfo,
  mapFdById,
  mapInfo,
  type ProgramInfo,
  programInfo,
} from "./libbpf/ids.ts";
export { type LogSink, libbpf, setLogSink, useSystemLibbpf } from "./libbpf/library.ts";
export { BpfLink } from "./libbpf/link.ts";
export { BpfMap, type MapShape, MapType, UpdateMode } from "./libbpf/map.ts";
export { BpfObject, ObjectMap } from "./libbpf/object.ts";
export { BpfProgram } from "./libbpf/program.ts";
