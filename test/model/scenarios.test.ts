// LANGUAGE.md section 4, sentence by sentence: each test is an intent and a trace that shows it.
// Model and compiled tables are both asked.

import { describe, test } from "bun:test";
import { check } from "./scenario.ts";

describe("labels", () => {
  const policy = `
    source AGENT = exec "claude"
    source SECRET = file ".env"
    rule no-push:
      block exec "git" "push" if AGENT
    rule no-leak:
      kill connect "*" if SECRET`;

  test("a child has the labels of its parent", () =>
    check(
      policy,
      `
      1 exec /usr/bin/claude       => allow {AGENT}
      1 fork 2                     => allow {AGENT}
      2 exec /usr/bin/git push     => block no-push {AGENT}
      2 exec /usr/bin/git pull     => allow {AGENT}`,
    ));

  test("a child forked before the label came does not have it", () =>
    check(
      policy,
      `
      1 fork 2
      1 exec /usr/bin/claude       => allow {AGENT}
      2 exec /usr/bin/git push     => allow {}`,
    ));

  test("an exec gives the labels of its source and keeps those there were", () =>
    check(
      policy,
      `
      1 open r /w/.env             => allow {SECRET}
      1 exec /usr/bin/claude       => allow {AGENT SECRET}`,
    ));

  test("a program that a labelled process wrote labels who runs it", () =>
    check(
      policy,
      `
      1 fork 2
      2 open r /w/.env             => allow {SECRET}
      2 open wc /w/tool            => allow {SECRET}
      1 exec /w/tool               => allow {SECRET}
      1 connect tcp 10.0.0.1 443   => kill no-leak {SECRET}`,
    ));

  test("reading a source gives its label, opening it for writing does not", () =>
    check(
      policy,
      `
      1 open w /w/.env             => allow {}
      1 open r /w/.env             => allow {SECRET}`,
    ));

  test("what a labelled process writes carries its labels to who reads it", () =>
    check(
      policy,
      `
      1 fork 2
      2 open r /w/.env             => allow {SECRET}
      2 open wc /tmp/copy          => allow {SECRET}
      1 open r /tmp/copy           => allow {SECRET}
      1 connect tcp 10.0.0.1 443   => kill no-leak`,
    ));

  test("reading a secret and the sink in one open are ordered read first", () =>
    check(
      `
      source SECRET = file ".env"
      rule r:
        block write any if SECRET`,
      `
      1 open w /w/.env             => allow {}
      1 open rw /w/.env            => block r {}`,
    ));

  test("an unlabelled writer that truncates does not clean the file", () =>
    check(
      policy,
      `
      1 fork 2
      2 open r /w/.env
      2 open wc /tmp/copy
      1 open wt /tmp/copy          => allow {}
      1 truncate /tmp/copy         => allow {}
      1 open r /tmp/copy           => allow {SECRET}`,
    ));

  test("labels stay with the object under its new name", () =>
    check(
      policy,
      `
      1 fork 2
      2 open r /w/.env
      2 open wc /tmp/copy
      2 rename /tmp/copy /tmp/moved
      1 open r /tmp/moved          => allow {SECRET}`,
    ));

  test("a new file under the old name starts clean", () =>
    check(
      policy,
      `
      1 fork 2
      2 open r /w/.env
      2 open wc /tmp/copy
      2 rename /tmp/copy /tmp/moved
      1 open wc /tmp/copy
      1 open r /tmp/copy           => allow {}`,
    ));

  test("the labels of a replaced object go with it", () =>
    check(
      policy,
      `
      1 fork 2
      2 open r /w/.env
      2 open wc /tmp/copy
      1 open wc /tmp/clean
      1 rename /tmp/clean /tmp/copy
      1 open r /tmp/copy           => allow {}`,
    ));

  test("the labels of an object go with its last name", () =>
    check(
      policy,
      `
      1 fork 2
      2 open r /w/.env
      2 open wc /tmp/copy
      2 link /tmp/copy /tmp/second
      2 unlink /tmp/copy
      1 open r /tmp/second         => allow {SECRET}`,
    ));

  test("a source that is renamed carries its label although nobody read it", () =>
    check(
      policy,
      `
      1 rename /w/.env /tmp/x      => allow {}
      1 open r /tmp/x              => allow {SECRET}`,
    ));

  test("a source that is linked carries its label although nobody read it", () =>
    check(
      policy,
      `
      1 link /w/.env /tmp/x        => allow {}
      1 open r /tmp/x              => allow {SECRET}`,
    ));

  test("a file that is moved to the name of a source is one while it has the name", () =>
    check(
      policy,
      `
      1 open wc /tmp/x
      1 rename /tmp/x /w/.env
      1 open r /w/.env             => allow {SECRET}`,
    ));

  test("an operation that is refused gives no label", () =>
    check(
      `
      source SECRET = file ".env"
      rule closed:
        block read ".env" if SECRET`,
      `
      1 open r /w/.env             => block closed {}
      1 open r /w/.env             => block closed {}`,
    ));

  test("the clause sees the label that the same event would give", () =>
    check(
      `
      source AGENT = exec "claude"
      rule alone:
        kill exec "claude" if AGENT`,
      `
      1 fork 2
      2 exec /usr/bin/claude       => kill alone {}
      1 exec /usr/bin/git          => allow {}`,
    ));
});

describe("conditions", () => {
  const sources = `
    source A = exec "a"
    source B = exec "b"`;

  test("and binds tighter than or", () =>
    check(
      `${sources}
      source C = exec "c"
      rule r:
        block connect "*" if A or B and C`,
      `
      1 fork 2
      1 exec /bin/b
      1 connect tcp 10.0.0.1 1     => allow {B}
      1 exec /bin/c
      1 connect tcp 10.0.0.1 1     => block r
      2 exec /bin/a
      2 connect tcp 10.0.0.1 1     => block r {A}`,
    ));

  test("not is true until the label comes", () =>
    check(
      `${sources}
      rule r:
        block connect "*" if not (A and not B)`,
      `
      1 connect tcp 10.0.0.1 1     => block r
      1 exec /bin/a
      1 connect tcp 10.0.0.1 1     => allow {A}
      1 exec /bin/b
      1 connect tcp 10.0.0.1 1     => block r {A B}`,
    ));

  test("true and no condition at all mean always", () =>
    check(
      `
      rule r:
        notify unlink any if true
        notify unlink any`,
      `
      1 unlink /w/x                => notify r`,
    ));
});

describe("effects", () => {
  test("of several matches the strongest wins and all rules are named", () =>
    check(
      `
      rule first:
        notify write "out/**"
      rule second:
        kill write "out/x"
      rule third:
        block write any`,
      `
      1 fork 2
      1 open w /w/a                => block third
      1 open w /w/out/a            => block first third
      1 open w /w/out/x            => kill first second third
      2 open r /w/out/x`,
    ));

  test("notify lets the operation happen", () =>
    check(
      `
      source S = file "s"
      rule r:
        notify read "s"`,
      `
      1 open r /w/s                => notify r {S}`,
    ));

  test("a kill ends the process and not its parent", () =>
    check(
      `
      rule r:
        kill read "s"`,
      `
      1 fork 2
      2 open r /w/s                => kill r
      1 open r /w/x`,
    ));
});

describe("operations", () => {
  test("write covers every change of content and of name", () =>
    check(
      `
      rule r:
        notify write "x"`,
      `
      1 open w /w/x                => notify r
      1 open r /w/x                => allow
      1 open rt /w/x               => notify r
      1 truncate /w/x              => notify r
      1 rename /w/y /w/x           => notify r
      1 rename /w/x /w/y           => notify r
      1 link /w/y /w/x             => notify r
      1 link /w/x /w/z             => notify r
      1 unlink /w/x                => notify r
      1 make /w/x                  => notify r
      1 rmdir /w/x                 => notify r
      1 metadata /w/x              => allow`,
    ));

  test("open is any open and read an open for reading", () =>
    check(
      `
      rule opened:
        notify open "x"
      rule was-read:
        notify read "x"`,
      `
      1 open w /w/x                => notify opened
      1 open r /w/x                => notify opened was-read`,
    ));

  test("create is a new file, a directory, and the new name of a rename or link", () =>
    check(
      `
      rule r:
        notify create "d/**"`,
      `
      1 open wc /w/d/x             => notify r
      1 open wc /w/d/x             => allow
      1 make /w/d/y                => notify r
      1 rename /w/d/x /w/e         => allow
      1 rename /w/e /w/d/z         => notify r
      1 link /w/d/z /w/d/zz        => notify r`,
    ));

  test("a rename onto a file unlinks it", () =>
    check(
      `
      rule r:
        notify unlink "x"`,
      `
      1 rename /w/a /w/x           => allow
      1 rename /w/b /w/x           => notify r`,
    ));

  test("a connect is matched by protocol, address and port", () =>
    check(
      `
      rule private:
        notify connect "10.0."
      rule tls:
        notify connect "*:443" unless target "10.0.0.0/8"
      rule dns:
        notify connect "udp://*:53"
      rule six:
        notify connect "[2001:db8::1]:80"`,
      `
      1 connect tcp 10.0.0.1 443     => notify private
      1 connect tcp 10.1.0.1 443     => allow
      1 connect tcp 192.168.0.1 443  => notify tls
      1 connect udp 192.168.0.1 53   => notify dns
      1 connect tcp 192.168.0.1 53   => allow
      1 connect tcp 2001:db8::1 80   => notify six`,
    ));
});

describe("exec patterns", () => {
  test("a program is matched by the resolved file and by the path it was invoked by", () =>
    check(
      `
      rule vi:
        notify exec "vi"
      rule vim:
        notify exec "/usr/bin/vim.*"`,
      `
      1 exec /bin/vi=/usr/bin/vim.basic  => notify vi vim`,
    ));

  test("a script is matched by itself and by its interpreter", () =>
    check(
      `
      rule script:
        notify exec "deploy.sh" "prod"
      rule shell:
        notify exec "sh" "*deploy.sh"`,
      `
      1 exec /w/deploy.sh!/bin/sh prod   => notify script shell
      1 exec /w/deploy.sh!/bin/sh        => notify shell`,
    ));

  test("all argument strings must be there in any order", () =>
    check(
      `
      rule r:
        notify exec "tar" "-x*" "*.tar"`,
      `
      1 exec /bin/tar a.tar -xf    => notify r
      1 exec /bin/tar -xf          => allow
      1 exec /bin/tar -cf a.tar    => allow`,
    ));

  test("the name of a program is not one of its arguments", () =>
    check(
      `
      rule r:
        notify exec any "/bin/*"`,
      `
      1 exec /bin/tar              => allow
      1 exec /bin/tar /bin/ls      => notify r`,
    ));

  test("a first string that is not an option is the subcommand of git", () =>
    check(
      `
      rule r:
        notify exec "git" "push"`,
      `
      1 exec /bin/git push              => notify r
      1 exec /bin/git -C d push         => notify r
      1 exec /bin/git --no-pager push   => notify r
      1 exec /bin/git commit -m push    => allow
      1 exec /bin/git -C push pull      => allow`,
    ));

  test("an option beside the subcommand may stand anywhere", () =>
    check(
      `
      rule r:
        notify exec "git" "push" "--force"`,
      `
      1 exec /bin/git push --force      => notify r
      1 exec /bin/git push origin       => allow`,
    ));
});

describe("faults that the comparison found", () => {
  test("a program that is written with a slash is a path and not a name", () =>
    check(
      `
      rule r:
        notify exec "./run.sh"`,
      `
      1 exec /w/run.sh             => notify r
      1 exec /tmp/run.sh           => allow`,
    ));

  test("a program of a set that is written with a slash is a path and not a name", () =>
    check(
      `
      define TOOLS = "make", "./run.sh"
      rule r:
        notify exec @TOOLS`,
      `
      1 exec /w/run.sh             => notify r
      1 exec /tmp/run.sh           => allow`,
    ));

  test("`./**` is the workspace and nothing else", () =>
    check(
      `
      define HERE = "./**", "/tmp/**"
      rule r:
        block write any unless target @HERE
      rule s:
        notify read "./**/key"`,
      `
      1 open w /w/a/b              => allow
      1 open w /tmp/x              => allow
      1 open w /etc/x              => block r
      1 open r /w/a/key            => notify s
      1 open r /etc/key            => allow`,
    ));

  test("an option of docker that takes a value takes it as an argument of its own", () =>
    check(
      `
      rule r:
        notify exec "docker" "push"`,
      `
      1 exec /bin/docker -c host push      => notify r`,
    ));
});

describe("unless", () => {
  test("a target exception is about the touched name", () =>
    check(
      `
      rule r:
        block write "**" unless target "out/**"`,
      `
      1 open w /w/out/x            => allow
      1 open w /w/src/x            => block r
      1 rename /w/src/x /w/out/x   => block r`,
    ));

  test("a negated target lets everything else pass", () =>
    check(
      `
      define KEYS = "~/.ssh/**", "*.pem"
      rule r:
        block read any unless target not @KEYS`,
      `
      1 open r /h/.ssh/id          => block r
      1 open r /w/a.pem            => block r
      1 open r /w/x                => allow`,
    ));

  test("an exec's target is the resolved program", () =>
    check(
      `
      rule r:
        block exec any unless target "/usr/**"`,
      `
      1 exec /usr/bin/ls           => allow
      1 exec /usr/bin/ls=/tmp/ls   => block r
      1 exec /tmp/ls=/usr/bin/ls   => allow`,
    ));

  test("an exec's negated target leaves only that program to the rule", () =>
    check(
      `
      rule r:
        block exec any unless target not "/usr/bin/sudo"`,
      `
      1 exec /usr/bin/sudo=/bin/ls => allow
      1 exec /bin/ls=/usr/bin/sudo => block r`,
    ));

  test("any of several exceptions lets it pass", () =>
    check(
      `
      rule r:
        block write "**" unless target "a" or target "b"`,
      `
      1 open w /w/a
      1 open w /w/b
      1 open w /w/c                => block r`,
    ));

  test("lineage includes the process, its ancestors, and nothing else", () =>
    check(
      `
      rule r:
        block write "x" unless lineage-includes exec "make" "all"`,
      `
      1 fork 2
      2 exec /bin/make all
      2 fork 3
      3 exec /bin/cc
      3 open w /w/x                => allow
      1 open w /w/x                => block r
      1 fork 4
      4 exec /bin/make clean
      4 open w /w/x                => block r`,
    ));

  test("what an ancestor executes after the fork is not in the lineage", () =>
    check(
      `
      rule r:
        block write "x" unless lineage-includes exec "make"`,
      `
      1 fork 2
      1 exec /bin/make
      1 open w /w/x                => allow
      2 open w /w/x                => block r`,
    ));

  test("lineage does not go through files", () =>
    check(
      `
      rule r:
        block write "x" unless lineage-includes exec "make"`,
      `
      1 fork 2
      2 exec /bin/make
      2 open wc /w/y
      1 open r /w/y
      1 open w /w/x                => block r`,
    ));
});

describe("gates", () => {
  const tested = `
    rule tests-first:
      block exec "git" "push" unless after exec "pytest" exits 0 since write "src/**"`;

  test("only a run that ended with the status counts", () =>
    check(
      tested,
      `
      1 exec /bin/git push         => block tests-first
      1 fork 2
      2 exec /bin/pytest
      1 exec /bin/git push         => block tests-first
      2 exit 1
      1 exec /bin/git push         => block tests-first
      1 fork 3
      3 exec /bin/pytest
      3 exit 0
      1 exec /bin/git push         => allow`,
    ));

  test("a run that a signal ended does not count", () =>
    check(
      tested,
      `
      1 fork 2
      2 exec /bin/pytest
      2 exit signal 9
      1 exec /bin/git push         => block tests-first`,
    ));

  test("a write after the run makes the gate stale", () =>
    check(
      tested,
      `
      1 fork 2
      2 exec /bin/pytest
      2 exit 0
      1 exec /bin/git push         => allow
      1 open w /w/src/a
      1 exec /bin/git push         => block tests-first`,
    ));

  test("a write by another while the tests run makes them stale", () =>
    check(
      tested,
      `
      1 fork 2
      2 exec /bin/pytest
      1 open w /w/src/a
      2 exit 0
      1 exec /bin/git push         => block tests-first`,
    ));

  test("a write before the run started does not matter", () =>
    check(
      tested,
      `
      1 fork 2
      1 open w /w/src/a
      2 open w /w/src/a
      2 exec /bin/pytest
      2 exit 0
      1 exec /bin/git push         => allow`,
    ));

  test("the writes of the run's own subtree do not count", () =>
    check(
      tested,
      `
      1 fork 2
      2 exec /bin/pytest
      2 open wc /w/src/cache
      2 fork 3
      3 exec /bin/sh
      3 open w /w/src/cache
      2 exit 0
      3 open w /w/src/cache
      1 exec /bin/git push         => allow`,
    ));

  test("a child forked before the program started is not in its run", () =>
    check(
      tested,
      `
      1 fork 2
      2 fork 3
      2 exec /bin/pytest
      3 open w /w/src/a
      2 exit 0
      1 exec /bin/git push         => block tests-first`,
    ));

  test("a child's end is not the end of the run", () =>
    check(
      tested,
      `
      1 fork 2
      2 exec /bin/pytest
      2 fork 3
      3 exit 0
      1 exec /bin/git push         => block tests-first
      2 exit 1
      1 exec /bin/git push         => block tests-first`,
    ));

  test("an event that makes a gate stale and is what it waits for opens it", () =>
    check(
      `
      rule r:
        block read "x" unless after write "out/**" since write any`,
      `
      1 open w /w/out/a
      1 open r /w/x                => allow
      1 open w /w/a
      1 open r /w/x                => block r
      1 open w /w/out/b
      1 open r /w/x                => allow`,
    ));

  test("a refused write does not make a gate stale", () =>
    check(
      `${tested}
    rule closed:
      block write "src/locked"`,
      `
      1 fork 2
      2 exec /bin/pytest
      2 exit 0
      1 open w /w/src/locked       => block closed
      1 exec /bin/git push         => allow`,
    ));

  test("a refused exec opens no gate", () =>
    check(
      `
      rule push:
        block exec "git" unless after exec "pytest"
      rule never:
        block exec "pytest"`,
      `
      1 exec /bin/pytest           => block never
      1 exec /bin/git              => block push`,
    ));

  test("a killed run does not count", () =>
    check(
      `${tested}
    rule closed:
      kill read "s"`,
      `
      1 fork 2
      2 exec /bin/pytest
      2 open r /w/s                => kill closed
      1 exec /bin/git push         => block tests-first`,
    ));

  test("without exits the gate is open from exec on", () =>
    check(
      `
      rule r:
        block exec "git" unless after exec "pytest" since write "src/**"`,
      `
      1 fork 2
      2 exec /bin/pytest
      1 exec /bin/git              => allow
      2 open w /w/src/a
      1 exec /bin/git              => allow
      1 open w /w/src/a
      1 exec /bin/git              => block r`,
    ));

  test("the gate closes when its time is over, counted from the start of the run", () =>
    check(
      `
      rule r:
        block exec "git" unless after exec "pytest" exits 0 within 10s`,
      `
      1 fork 2
      2 exec /bin/pytest
      wait 6000
      2 exit 0
      1 exec /bin/git              => allow
      wait 3000
      1 exec /bin/git              => allow
      wait 2000
      1 exec /bin/git              => block r`,
    ));

  test("the last run that satisfied the gate is the one that counts", () =>
    check(
      tested,
      `
      1 fork 2
      2 exec /bin/pytest
      2 exit 0
      1 open w /w/src/a
      1 exec /bin/git push         => block tests-first
      1 fork 3
      3 exec /bin/pytest
      3 exit 0
      1 exec /bin/git push         => allow`,
    ));

  test("a run that failed does not close the gate that an earlier one opened", () =>
    check(
      tested,
      `
      1 fork 2
      2 exec /bin/pytest
      2 exit 0
      1 fork 3
      3 exec /bin/pytest
      3 exit 1
      1 exec /bin/git push         => allow`,
    ));

  test("an event that is what the gate waits for is not an exception for itself", () =>
    check(
      `
      rule r:
        notify exec "pytest" unless after exec "pytest"`,
      `
      1 exec /bin/pytest           => notify r
      1 exec /bin/pytest           => allow`,
    ));

  test("an event that makes the gate stale is still judged by the gate as it was", () =>
    check(
      `
      rule r:
        block write "src/**" unless after read "plan" since write "src/**"`,
      `
      1 open w /w/src/a            => block r
      1 open r /w/plan
      1 open w /w/src/a            => allow
      1 open w /w/src/a            => block r`,
    ));

  test("a gate by a file event is stale after anybody's later event", () =>
    check(
      `
      rule r:
        block exec "git" unless after write "out/report" since write "src/**"`,
      `
      1 exec /bin/git              => block r
      1 open wc /w/out/report
      1 exec /bin/git              => allow
      1 open w /w/src/a
      1 exec /bin/git              => block r`,
    ));

  test("a gate may be made stale by an exec", () =>
    check(
      `
      rule r:
        block exec "git" "push" unless after exec "pytest" since exec "git" "commit" or write "src/**"`,
      `
      1 fork 2
      2 exec /bin/pytest
      2 exit 0
      1 exec /bin/git push         => allow
      1 exec /bin/git commit
      1 exec /bin/git push         => block r`,
    ));
});
