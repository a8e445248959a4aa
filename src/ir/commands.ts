// The command table: for programs with subcommands, how their own options are told from the
// subcommand (`git -C d push`). Data only; args.ts makes automata of it. An option that is missing
// here and takes a value hides the subcommand behind that value, so the lists are long on purpose.

export interface Command {
  readonly names: readonly string[];
  /** `each`: every argument that is no option counts, as make's targets do. */
  readonly subcommand: "first" | "each";
  /** Global options whose value is the next argument. Their `--option=value` form needs no entry. */
  readonly valueOptions: readonly string[];
  /** Options without a value, where telling them apart matters (`abbreviations`, `unknownTakesValue`). */
  readonly flags: readonly string[];
  /** `-DH value` is `-D -H value`, and `-Hvalue` carries its value. */
  readonly clusters: boolean;
  /** `--reg url` stands for `--registry url` when nothing else starts with it. */
  readonly abbreviations: boolean;
  /** An option that is in neither list takes the next argument, unless it holds a `=` (Go's cobra). */
  readonly unknownTakesValue: boolean;
  /** Arguments before the subcommand that are not it: the value of a switch (`--force false`). */
  readonly words: readonly string[];
  /** As `words`, by first character: cargo's `+nightly`. */
  readonly wordStarts: readonly string[];
  /** Subcommands that have other names: `install` is also `i`. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  /** Whole subcommands and aliases of a program that takes the beginning of one for it (`publ`), where nothing else begins so. */
  readonly abbreviated: readonly string[];
  /** It takes its subcommand from the name it is called by, where that is its own, a dash and more: `git-push`. */
  readonly dashed: boolean;
}

/** A program of which nothing is known but that it has subcommands. */
const plain: Omit<Command, "names"> = {
  subcommand: "first",
  valueOptions: [],
  flags: [],
  clusters: false,
  abbreviations: false,
  unknownTakesValue: false,
  words: [],
  wordStarts: [],
  dashed: false,
  aliases: {},
  abbreviated: [],
};

/** Words with spaces between them: these lists are read as prose. */
function list(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** npm's configuration: any of it may stand before the subcommand. */
const npmValueOptions = list(`
  -C -c -m -w -L --access --also --auth-type --before --ca --cache --cache-max --cache-min
  --cafile --call --cert --cidr --cpu --depth --diff --diff-dst-prefix --diff-src-prefix
  --diff-unified --editor --expect-result-count --fetch-retries --fetch-retry-factor
  --fetch-retry-maxtimeout --fetch-retry-mintimeout --fetch-timeout --git --globalconfig
  --heading --https-proxy --include --init-author-email --init-author-name
  --init-author-url --init-license --init-module --init-type --init-version
  --init.author.email --init.author.name --init.author.url --init.license --init.module
  --init.version --install-strategy --key --libc --local-address --location
  --lockfile-version --loglevel --logs-dir --logs-max --maxsockets --message
  --node-options --node-version --noproxy --omit --only --os --otp --pack-destination
  --package --prefix --preid --provenance-file --proxy --registry --replace-registry-host
  --save-prefix --sbom-format --sbom-type --scope --script-shell --searchexclude
  --searchlimit --searchopts --searchstaleness --shell --tag --tag-version-prefix --tmp
  --umask --user-agent --userconfig --viewer --which --workspace
`);
const npmFlags = list(`
  --all --allow-same-version --audit --bin-links --color --commit-hooks --description
  --dev --diff-ignore-all-space --diff-name-only --diff-no-prefix --diff-text --dry-run
  --engine-strict --expect-results --force --foreground-scripts --format-package-lock
  --fund --git-tag-version --global --global-style --help --if-present --ignore-scripts
  --include-staged --include-workspace-root --install-links --json --legacy-bundling
  --legacy-peer-deps --link --long --offline --omit-lockfile-registry-resolved --optional
  --package-lock --package-lock-only --parseable --prefer-dedupe --prefer-offline
  --prefer-online --production --progress --provenance --read-only --rebuild-bundle --save
  --save-bundle --save-dev --save-exact --save-optional --save-peer --save-prod
  --shrinkwrap --sign-git-commit --sign-git-tag --strict-peer-deps --strict-ssl --timing
  --unicode --update-notifier --usage --version --versions --workspaces
  --workspaces-update --yes
`);

/** Of npm 11, lib/utils/cmd-list.js. */
const npmAliases: Command["aliases"] = {
  adduser: ["add-user"],
  bugs: ["issues"],
  ci: list("clean-install ic install-clean isntall-clean"),
  config: ["c"],
  dedupe: ["ddp"],
  "dist-tag": ["dist-tags"],
  docs: ["home"],
  exec: ["x"],
  explain: ["why"],
  help: ["hlep"],
  init: list("create innit"),
  install: list("add i in ins inst insta instal isnt isnta isntal isntall"),
  "install-ci-test": list("cit clean-install-test sit"),
  "install-test": ["it"],
  link: ["ln"],
  ll: ["la"],
  ls: ["list"],
  org: ["ogr"],
  owner: ["author"],
  rebuild: ["rb"],
  run: list("run-script rum urn"),
  search: list("find s se"),
  test: list("t tst"),
  uninstall: list("r remove rm un unlink"),
  update: list("u up upgrade udpate"),
  version: ["verison"],
  view: list("info show v"),
};
const npmCommands = list(`
  access adduser approve-scripts audit bugs cache ci completion config dedupe deny-scripts deprecate diff dist-tag docs
  doctor edit exec explain explore find-dupes fund get help help-search init install install-ci-test install-scripts
  install-test link ll login logout ls org outdated owner pack ping pkg prefix profile prune publish query rebuild repo
  restart root run sbom search set shrinkwrap stage star stars start stop team test token trust undeprecate uninstall
  unpublish unstar update version view whoami
`);

export const commandTable: readonly Command[] = [
  {
    ...plain,
    names: ["git"],
    valueOptions: list(`
      -C -c --git-dir --work-tree --namespace --super-prefix --config-env --attr-source
      --shallow-file
    `),
    dashed: true,
  },
  {
    ...plain,
    names: ["npm"],
    valueOptions: npmValueOptions,
    flags: npmFlags,
    clusters: true,
    abbreviations: true,
    words: ["true", "false", "null"],
    aliases: npmAliases,
    abbreviated: [...npmCommands, ...Object.values(npmAliases).flat()],
  },
  {
    ...plain,
    names: ["pnpm"],
    valueOptions: [
      ...npmValueOptions.filter((option) => option !== "-w" && option !== "-c"),
      ...list(`
        -F --dir --filter --filter-prod --reporter --store-dir --virtual-store-dir --modules-dir
        --lockfile-dir --workspace-concurrency --changed-files-ignore-pattern --test-pattern
        --cache-dir --state-dir --network-concurrency --child-concurrency
        --package-import-method --use-node-version --resume-from --workspace-dir --global-dir
        --global-bin-dir
      `),
    ],
    flags: npmFlags,
    words: ["true", "false", "null"],
    aliases: {
      install: ["i"],
      list: ["ls"],
      remove: list("rm un uninstall"),
      run: ["run-script"],
      test: list("t tst"),
      update: list("up upgrade"),
    },
  },
  {
    ...plain,
    names: ["yarn"],
    valueOptions: list(`
      --cwd --cache-folder --global-folder --link-folder --modules-folder
      --preferred-cache-folder --mutex --network-concurrency --network-timeout
      --child-concurrency --proxy --https-proxy --registry --use-yarnrc --otp --emoji
      --scripts-prepend-node-path --prefix
    `),
  },
  {
    ...plain,
    names: ["cargo"],
    valueOptions: ["-C", "-Z", "--color", "--config", "--explain"],
    clusters: true,
    wordStarts: ["+"],
    aliases: { build: ["b"], check: ["c"], doc: ["d"], remove: ["rm"], run: ["r"], test: ["t"] },
  },
  { ...plain, names: ["go"], valueOptions: ["-C", "--C"] },
  {
    ...plain,
    names: ["docker"],
    valueOptions: list(`
      -c -H -l --config --context --host --log-level --tlscacert --tlscert --tlskey
    `),
    clusters: true,
  },
  {
    ...plain,
    names: ["kubectl"],
    flags: list(`
      -h --help --insecure-skip-tls-verify --match-server-version --warnings-as-errors
      --disable-compression --add-dir-header --alsologtostderr --logtostderr --one-output
      --skip-headers --skip-log-headers
    `),
    unknownTakesValue: true,
  },
  { ...plain, names: ["gh"], flags: ["-h", "--help", "--version"], unknownTakesValue: true },
  {
    ...plain,
    names: ["pip", "pip3"],
    valueOptions: list(`
      --python --log --log-file --local-log --keyring-provider --proxy --retries --timeout
      --default-timeout --exists-action --trusted-host --cert --client-cert --cache-dir
      --use-feature --use-deprecated --resume-retries
    `),
    flags: list(`
      --help --debug --isolated --require-virtualenv --require-venv --verbose --version
      --quiet --no-input --no-cache-dir --disable-pip-version-check --no-color
      --no-python-version-warning
    `),
    abbreviations: true,
  },
  {
    ...plain,
    names: ["make", "gmake"],
    subcommand: "each",
    valueOptions: list(`
      -C -E -f -I -o -W --directory --eval --file --makefile --include-dir --old-file
      --assume-old --what-if --new-file --assume-new
    `),
    flags: list(`
      --always-make --environment-overrides --ignore-errors --keep-going --jobs --load-average
      --check-symlink-times --just-print --dry-run --recon --print-data-base --question
      --no-builtin-rules --no-builtin-variables --silent --quiet --no-silent --no-keep-going
      --stop --touch --trace --version --print-directory --no-print-directory
      --warn-undefined-variables --output-sync --debug --help --max-load --shuffle
    `),
    clusters: true,
    abbreviations: true,
  },
];

/** `table` with programs of a document: a name and its options that take a value. */
export function withCommands(
  table: readonly Command[],
  added: ReadonlyMap<string, readonly string[]>,
): readonly Command[] {
  const known = table.map((command) => {
    const own = new Set(command.names.flatMap((name) => added.get(name) ?? []));
    if (own.size === 0) return command;
    const valueOptions = [...new Set([...command.valueOptions, ...own])];
    return { ...command, valueOptions, flags: command.flags.filter((flag) => !own.has(flag)) };
  });
  const names = new Set(table.flatMap((command) => command.names));
  const fresh = [...added].filter(([name]) => !names.has(name));
  return [
    ...known,
    ...fresh.map(([name, valueOptions]) => ({ ...plain, names: [name], valueOptions })),
  ];
}

/** Every argument that takes the next one as its value, abbreviations spelled out. */
export function valueOptionsOf(command: Command): Set<string> {
  const options = new Set(command.valueOptions);
  if (!command.abbreviations) return options;
  const meanings = new Map<string, number>();
  for (const option of [...command.valueOptions, ...command.flags])
    for (const short of beginningsOf(option)) meanings.set(short, (meanings.get(short) ?? 0) + 1);
  // What could mean several is an error or a flag to the program, so it takes no value.
  for (const option of command.valueOptions)
    for (const short of beginningsOf(option)) if (meanings.get(short) === 1) options.add(short);
  return options;
}

/** By which a long option may be known, with the whole. */
function beginningsOf(option: string): string[] {
  if (!option.startsWith("--")) return [];
  return Array.from({ length: option.length - 2 }, (_, i) => option.slice(0, i + 3));
}
