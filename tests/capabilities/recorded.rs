//! What a program does to the files below a folder, in order, as `strace` saw it: to replay it and cut the power in
//! between.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{skipped, wait_at_most};

/// Calls that change files, wait for the disk, or answer somebody. Not every machine has each.
const CALLS: [&str; 40] = [
    "open",
    "openat",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "lseek",
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "sendto",
    "sendmsg",
    "ftruncate",
    "truncate",
    "fallocate",
    "copy_file_range",
    "sendfile",
    "splice",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "fsync",
    "fdatasync",
    "syncfs",
    "sync",
    "sync_file_range",
    "io_uring_enter",
    "openat2",
    "mknodat",
];
/// How long a traced program may take to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes at the end of a log that hold its last lines.
const TAIL: usize = 2_000;

/// A change of a file or folder; paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    MakeFolder(String),
    /// A file, empty, where none was there.
    Create(String),
    /// Bytes at a position; at the end where there is none.
    Write {
        path: String,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Resize {
        path: String,
        length: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Exchange(String, String),
    Link {
        from: String,
        to: String,
    },
    Remove(String),
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waited {
    /// One file or folder.
    For(String),
    /// The whole file system.
    ForAll,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Changed(Change),
    /// The wait with this number begins: what comes later is not waited for.
    WaitBegun(usize, Waited),
    WaitEnded(usize, Waited),
    /// Bytes that went to somebody over a connection.
    Sent(Vec<u8>),
}

/// Whether programs can be traced here; says SKIPPED where not.
pub fn can_record() -> bool {
    let traced = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "true"])
        .output();
    let can = traced.is_ok_and(|output| output.status.success());
    if !can {
        skipped("the order of writes is seen with strace, which is missing or may not trace here");
    }
    can
}

/// The program under `strace`, which writes to `log`. The program is the caller's own child; the tracer goes on by itself.
pub fn traced(program: &Path, log: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace
        .args([
            "-D",
            "-f",
            "-q",
            "-y",
            "-xx",
            "-s",
            "100000000",
            "-e",
            &format!("trace=?{}", CALLS.join(",?")),
        ])
        .args(["-e", "signal=none", "-o"])
        .arg(log)
        .arg(program);
    strace
}

/// The events below `root` of a traced program that runs until it ends by itself.
pub fn events_of(mut command: Command, log: &Path, root: &Path) -> Vec<Event> {
    let child: Child = command.stderr(Stdio::piped()).spawn().expect("a traced program");
    let pid = child.id();
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    events_in(log, pid, root)
}

/// The events below `root`, once the tracer has written the last one of process `pid`.
pub fn events_in(log: &Path, pid: u32, root: &Path) -> Vec<Event> {
    let has_ended = || {
        let log = fs::read(log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(TAIL)..]).into_owned();
        tail.lines().any(|line| {
            line.strip_prefix(&pid.to_string())
                .is_some_and(|rest| rest.trim_start().starts_with("+++"))
        })
    };
    wait_at_most(PATIENCE, has_ended, "the end of the tracer's log");
    let text = String::from_utf8(fs::read(log).expect("a log")).expect("escaped text");
    let mut reader = Reader::new(root.to_str().expect("UTF-8"));
    text.lines().for_each(|line| reader.line(line));
    reader.events
}

/// Reads a log line by line.
struct Reader<'a> {
    root: &'a str,
    /// The beginnings of calls that have not returned, by thread.
    begun: HashMap<String, (String, usize)>,
    /// Where the next `write` of a descriptor goes, and whether it appends.
    positions: BTreeMap<u64, Position>,
    waits: usize,
    events: Vec<Event>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Position {
    at: u64,
    appends: bool,
}

/// A call that has returned.
struct Call<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    result: &'a str,
}

impl<'a> Reader<'a> {
    fn new(root: &'a str) -> Self {
        Self {
            root,
            begun: HashMap::new(),
            positions: BTreeMap::new(),
            waits: 0,
            events: Vec::new(),
        }
    }

    fn line(&mut self, line: &str) {
        let Some((thread, rest)) = line.split_once(' ') else {
            return;
        };
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            return;
        }
        if let Some(beginning) = rest.strip_suffix("<unfinished ...>") {
            let wait = self.wait_begins(beginning);
            self.begun
                .insert(thread.to_owned(), (beginning.trim_end().to_owned(), wait));
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some((_, end)) = resumed.split_once("resumed>") else {
                return;
            };
            let Some((beginning, wait)) = self.begun.remove(thread) else {
                return;
            };
            self.call(&format!("{beginning}{end}"), Some(wait));
        } else {
            self.call(rest, None);
        }
    }

    /// The number of the wait that a line begins; 0 where it is another call.
    fn wait_begins(&mut self, beginning: &str) -> usize {
        let name = beginning.split('(').next().unwrap_or_default();
        let waited = match name {
            "fsync" | "fdatasync" | "syncfs" => {
                let path = descriptor(
                    beginning
                        .split_once('(')
                        .map_or("", |(_, argument)| argument.trim_end_matches(')')),
                )
                .1;
                match name {
                    "syncfs" => Waited::ForAll,
                    _ if self.is_below(&path) => Waited::For(path),
                    _ => return 0,
                }
            }
            "sync" => Waited::ForAll,
            _ => return 0,
        };
        self.waits += 1;
        self.events.push(Event::WaitBegun(self.waits, waited));
        self.waits
    }

    fn call(&mut self, text: &str, wait: Option<usize>) {
        let Some((called, result)) = text.rsplit_once(" = ") else {
            return;
        };
        let Some((name, arguments)) = called.trim_end().trim_end_matches(')').split_once('(') else {
            return;
        };
        if result.starts_with("-1") || result.starts_with('?') {
            return;
        }
        let call = Call {
            name,
            arguments: split(arguments),
            result,
        };
        match name {
            "fsync" | "fdatasync" | "syncfs" | "sync" => {
                let wait = wait.unwrap_or_else(|| self.wait_begins(&format!("{name}({arguments}")));
                let begun = self.events.iter().rev().find_map(|event| match event {
                    Event::WaitBegun(number, waited) if *number == wait => Some(waited.clone()),
                    _ => None,
                });
                if let Some(waited) = begun {
                    self.events.push(Event::WaitEnded(wait, waited));
                }
            }
            "open" | "openat" | "creat" => self.opened(&call),
            "dup" | "dup2" | "dup3" => {
                let position = self
                    .positions
                    .get(&descriptor(call.arguments[0]).0)
                    .copied()
                    .unwrap_or_default();
                self.positions.insert(descriptor(result).0, position);
            }
            "lseek" => {
                let at = result.parse().expect("a position");
                self.positions.entry(descriptor(call.arguments[0]).0).or_default().at = at;
            }
            "write" | "writev" | "pwrite64" | "sendto" | "sendmsg" => self.written(&call),
            _ => self.changed(&call),
        }
    }

    fn opened(&mut self, call: &Call<'_>) {
        let (folder, rest) = match call.name {
            "openat" => (descriptor(call.arguments[0]).1, &call.arguments[1..]),
            _ => (String::new(), &call.arguments[..]),
        };
        let path = joined(&folder, rest[0]);
        let flags = rest.get(1).copied().unwrap_or_default();
        let position = Position {
            at: 0,
            appends: flags.contains("O_APPEND"),
        };
        self.positions.insert(descriptor(call.result).0, position);
        if !self.is_below(&path) || flags.contains("O_DIRECTORY") {
            return;
        }
        assert!(!flags.contains("O_TMPFILE"), "{path} has no name");
        if flags.contains("O_CREAT") {
            self.push(Change::Create(path.clone()));
        }
        if flags.contains("O_TRUNC") {
            self.push(Change::Resize { path, length: 0 });
        }
    }

    fn written(&mut self, call: &Call<'_>) {
        let (number, path) = descriptor(call.arguments[0]);
        let mut bytes = match call.name {
            "writev" | "sendmsg" => strings(call.arguments[1]),
            _ => unescaped(call.arguments[1]),
        };
        let count: usize = call.result.parse().expect("a count");
        bytes.truncate(count);
        if path.starts_with("socket:") {
            self.events.push(Event::Sent(bytes));
            return;
        }
        if !self.is_below(&path) {
            return;
        }
        assert_eq!(bytes.len(), count, "the log has all bytes");
        let position = self.positions.entry(number).or_default();
        let at = match call.name {
            "pwrite64" => Some(call.arguments[3].parse().expect("a position")),
            _ if position.appends => None,
            _ => {
                position.at += count as u64;
                Some(position.at - count as u64)
            }
        };
        self.push(Change::Write { path, at, bytes });
    }

    fn changed(&mut self, call: &Call<'_>) {
        let argument = |number: usize| call.arguments.get(number).copied().unwrap_or_default();
        let at = |number: usize| joined(&descriptor(argument(number)).1, argument(number + 1));
        let change = match call.name {
            "mkdir" => Change::MakeFolder(joined("", argument(0))),
            "mkdirat" => Change::MakeFolder(at(0)),
            "unlink" | "rmdir" => Change::Remove(joined("", argument(0))),
            "unlinkat" => Change::Remove(at(0)),
            "rename" => Change::Rename {
                from: joined("", argument(0)),
                to: joined("", argument(1)),
            },
            "renameat" => Change::Rename { from: at(0), to: at(2) },
            "renameat2" if argument(4).contains("EXCHANGE") => Change::Exchange(at(0), at(2)),
            "renameat2" => Change::Rename { from: at(0), to: at(2) },
            "link" => Change::Link {
                from: joined("", argument(0)),
                to: joined("", argument(1)),
            },
            "linkat" => Change::Link { from: at(0), to: at(2) },
            "ftruncate" => {
                let (path, length) = (descriptor(argument(0)).1, argument(1).parse().expect("a length"));
                Change::Resize { path, length }
            }
            // No part of the program uses these on its output; replaying would be wrong if one did.
            other => {
                let text = call.arguments.join(", ");
                assert!(
                    !text.contains(&escaped(self.root)),
                    "{other}({text}) cannot be replayed"
                );
                return;
            }
        };
        let (one, other) = paths(&change);
        if !self.is_below(one) && !self.is_below(other) {
            return;
        }
        self.push(change);
    }

    fn push(&mut self, change: Change) {
        self.events.push(Event::Changed(change));
    }

    fn is_below(&self, path: &str) -> bool {
        path.strip_prefix(self.root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && !path.ends_with("-shm")
            && !path.ends_with("(deleted)")
    }
}

/// The paths of a change; both are the same where there is one.
pub fn paths(change: &Change) -> (&str, &str) {
    match change {
        Change::MakeFolder(path)
        | Change::Create(path)
        | Change::Remove(path)
        | Change::Write { path, .. }
        | Change::Resize { path, .. } => (path, path),
        Change::Rename { from, to } | Change::Link { from, to } => (from, to),
        Change::Exchange(one, other) => (one, other),
    }
}

/// A list of arguments, at the commas that are not within brackets.
fn split(arguments: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (place, character) in arguments.char_indices() {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(arguments[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(arguments[start..].trim());
    parts
}

/// `3<\x2f…>`: the number, and the path or what else it is.
fn descriptor(argument: &str) -> (u64, String) {
    let (number, rest) = argument.split_once('<').unwrap_or((argument, ""));
    let (path, deleted) = rest.rsplit_once('>').unwrap_or((rest, ""));
    let path = String::from_utf8_lossy(&unescaped(path)).into_owned();
    (number.parse().unwrap_or_default(), format!("{path}{}", deleted.trim()))
}

/// A name in a folder; an absolute one stands for itself.
fn joined(folder: &str, name: &str) -> String {
    let name = String::from_utf8(unescaped(name)).expect("UTF-8");
    if name.starts_with('/') || folder.is_empty() {
        name
    } else {
        format!("{folder}/{name}")
    }
}

/// The bytes of `\x2f\x61`, with or without quotes.
fn unescaped(text: &str) -> Vec<u8> {
    let digits = text.trim_matches('"').split("\\x").skip(1);
    digits
        .map(|byte| u8::from_str_radix(byte, 16).unwrap_or_else(|_| panic!("{byte} is no byte")))
        .collect()
}

/// All quoted strings of a list, one after the other.
fn strings(list: &str) -> Vec<u8> {
    list.split('"').skip(1).step_by(2).flat_map(unescaped).collect()
}

fn escaped(path: &str) -> String {
    path.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

#[test]
fn a_log_is_read_call_by_call() {
    let escape = |line: &str| {
        let escaped_parts = line.split('`').enumerate();
        escaped_parts
            .map(|(number, part)| {
                if number % 2 == 1 {
                    escaped(part)
                } else {
                    part.to_owned()
                }
            })
            .collect::<String>()
    };
    let log = r#"
7 mkdir("`/out/a`", 0700)       = 0
7 mkdir("`/other`", 0700)       = 0
8 openat(AT_FDCWD<`/`>, "`/out/a/f, "g"`", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 3<`/out/a/f, "g"`>
8 write(3<`/out/a/f, "g"`>, "`one`", 3 <unfinished ...>
7 fsync(4<`/out/a`> <unfinished ...>
8 <... write resumed>)           = 3
8 writev(3<`/out/a/f, "g"`>, [{iov_base="`tw`", iov_len=2}, {iov_base="`o`", iov_len=1}], 2) = 3
7 <... fsync resumed>)           = 0
8 openat(AT_FDCWD<`/`>, "`/out/missing`", O_RDONLY) = -1 ENOENT (No such file or directory)
9 writev(5<`socket:[1]`>, [{iov_base="`HTTP`", iov_len=4}], 1) = 4
9 renameat2(AT_FDCWD<`/`>, "`/out/a`", AT_FDCWD<`/`>, "`/out/b`", RENAME_EXCHANGE) = 0
9 unlinkat(6<`/out/b`>, "`f`", 0)  = 0
9 syncfs(6<`/out`>)              = 0
9 --- SIGCHLD {si_signo=SIGCHLD} ---
9 +++ exited with 0 +++
"#;
    let mut reader = Reader::new("/out");
    log.lines().map(escape).for_each(|line| reader.line(&line));
    let file = "/out/a/f, \"g\"".to_owned();
    let write = |at, bytes: &[u8]| {
        let (path, bytes) = (file.clone(), bytes.to_vec());
        Event::Changed(Change::Write {
            path,
            at: Some(at),
            bytes,
        })
    };
    let folder = Waited::For("/out/a".to_owned());
    let expected = [
        Event::Changed(Change::MakeFolder("/out/a".to_owned())),
        Event::Changed(Change::Create(file.clone())),
        Event::WaitBegun(1, folder.clone()),
        write(0, b"one"),
        write(3, b"two"),
        Event::WaitEnded(1, folder),
        Event::Sent(b"HTTP".to_vec()),
        Event::Changed(Change::Exchange("/out/a".to_owned(), "/out/b".to_owned())),
        Event::Changed(Change::Remove("/out/b/f".to_owned())),
        Event::WaitBegun(2, Waited::ForAll),
        Event::WaitEnded(2, Waited::ForAll),
    ];
    assert_eq!(reader.events, expected);
}
