// Types of the built files that are embedded with `import path from "..." with { type: "file" }`: each gives its path.

declare module "*.so" {
  const path: string;
  export default path;
}

declare module "*/attendants" {
  const path: string;
  export default path;
}

declare module "*.bpf.o" {
  const path: string;
  export default path;
}
