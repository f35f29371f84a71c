//! A disk in memory, on which a recorded program's changes are replayed, and what a power cut leaves of it.
//!
//! The model is as strict as POSIX allows: content is safe once its file was waited for, a name once its folder was, and
//! everything once the file system was. Of what was not waited for, a power cut may leave all, nothing or any part.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::recorded::{Change, Event, Waited};

/// Bytes of a block, which disks write whole.
const BLOCK: usize = 4_096;

type Content = Arc<Vec<u8>>;
type Entries = Arc<BTreeMap<String, usize>>;

/// What a power cut leaves of what was not waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing of it.
    Everything,
    /// Names, but no content: what file systems do that write names first.
    Content,
    /// All of it: a killed program, and no power cut.
    Nothing,
    /// Any part of it, by chance.
    Some(u64),
}

#[derive(Debug, Clone)]
struct State<T> {
    now: T,
    /// How often it was changed.
    changes: u64,
    safe: T,
    /// The change that is safe.
    safe_changes: u64,
}

impl<T: Clone> State<T> {
    fn new(empty: T) -> Self {
        Self {
            now: empty.clone(),
            changes: 0,
            safe: empty,
            safe_changes: 0,
        }
    }

    fn make_safe(&mut self, (content, changes): (T, u64)) {
        if changes >= self.safe_changes {
            (self.safe, self.safe_changes) = (content, changes);
        }
    }
}

#[derive(Debug, Clone)]
enum Node {
    File(State<Content>),
    Folder(State<Entries>),
}

/// What a wait makes safe when it ends.
#[derive(Debug, Clone)]
enum Waiting {
    File(usize, (Content, u64)),
    Folder(usize, (Entries, u64)),
}

/// The files below a folder.
#[derive(Debug, Clone)]
pub struct Disk {
    root: String,
    nodes: Vec<Node>,
    waits: BTreeMap<usize, Vec<Waiting>>,
}

impl Disk {
    /// What lies below `root` now, all of it safe.
    pub fn of(root: &Path) -> Self {
        let mut disk = Self {
            root: root.display().to_string(),
            nodes: vec![Node::Folder(State::new(Entries::default()))],
            waits: BTreeMap::new(),
        };
        disk.load(0, root);
        disk
    }

    fn load(&mut self, folder: usize, place: &Path) {
        let mut entries = BTreeMap::new();
        for entry in fs::read_dir(place).expect("a folder").flatten() {
            let name = entry.file_name().into_string().expect("UTF-8");
            let number = self.nodes.len();
            if entry.file_type().expect("a kind").is_dir() {
                self.nodes.push(Node::Folder(State::new(Entries::default())));
                self.load(number, &entry.path());
            } else if !name.ends_with("-shm") {
                let content = fs::read(entry.path()).expect("a file");
                self.nodes.push(Node::File(State::new(Arc::new(content))));
            } else {
                continue;
            }
            entries.insert(name, number);
        }
        self.nodes[folder] = Node::Folder(State::new(Arc::new(entries)));
    }

    /// Replays an event; whether it changed what a power cut leaves.
    pub fn replay(&mut self, event: &Event) -> bool {
        match event {
            Event::Changed(change) => self.change(change),
            Event::WaitBegun(number, waited) => {
                let waiting = match waited {
                    Waited::ForAll => (0..self.nodes.len()).map(|node| self.waiting(node)).collect(),
                    Waited::For(path) => self.find(path).map(|node| self.waiting(node)).into_iter().collect(),
                };
                self.waits.insert(*number, waiting);
                return false;
            }
            Event::WaitEnded(number, _) => {
                for waiting in self.waits.remove(number).expect("a wait that was begun") {
                    self.make_safe(waiting);
                }
            }
            Event::Sent(_) => return false,
        }
        true
    }

    fn make_safe(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::File(node, safe) => {
                if let Node::File(state) = &mut self.nodes[node] {
                    state.make_safe(safe);
                }
            }
            Waiting::Folder(node, safe) => {
                if let Node::Folder(state) = &mut self.nodes[node] {
                    state.make_safe(safe);
                }
            }
        }
    }

    fn waiting(&self, node: usize) -> Waiting {
        match &self.nodes[node] {
            Node::File(state) => Waiting::File(node, (Arc::clone(&state.now), state.changes)),
            Node::Folder(state) => Waiting::Folder(node, (Arc::clone(&state.now), state.changes)),
        }
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::MakeFolder(path) => self.add(path, Node::Folder(State::new(Entries::default()))),
            Change::Create(path) => {
                if self.find(path).is_none() {
                    self.add(path, Node::File(State::new(Content::default())));
                }
            }
            Change::Write { path, at, bytes } => self.edit(path, |content| {
                let start = at.map_or(content.len(), to_usize);
                let end = start + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[start..end].copy_from_slice(bytes);
            }),
            Change::Resize { path, length } => self.edit(path, |content| content.resize(to_usize(*length), 0)),
            Change::Rename { from, to } => {
                let node = self.take(from);
                self.put(to, node);
            }
            Change::Exchange(one, other) => {
                let (first, second) = (self.take(one), self.take(other));
                self.put(other, first);
                self.put(one, second);
            }
            Change::Link { from, to } => {
                let node = self.find(from).unwrap_or_else(|| panic!("{from} is there"));
                self.put(to, node);
            }
            Change::Remove(path) => _ = self.take(path),
        }
    }

    fn add(&mut self, path: &str, node: Node) {
        self.nodes.push(node);
        self.put(path, self.nodes.len() - 1);
    }

    fn edit(&mut self, path: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let node = self.find(path).unwrap_or_else(|| panic!("{path} is there"));
        let Node::File(state) = &mut self.nodes[node] else {
            panic!("{path} is a file")
        };
        edit(Arc::make_mut(&mut state.now));
        state.changes += 1;
    }

    fn take(&mut self, path: &str) -> usize {
        self.entries_above(path, |entries, name| entries.remove(name))
            .unwrap_or_else(|| panic!("{path} is there"))
    }

    fn put(&mut self, path: &str, node: usize) {
        self.entries_above(path, |entries, name| entries.insert(name.to_owned(), node));
    }

    /// Changes the entries of the folder that `path` lies in.
    fn entries_above<T>(&mut self, path: &str, change: impl FnOnce(&mut BTreeMap<String, usize>, &str) -> T) -> T {
        let (above, name) = path.rsplit_once('/').expect("an absolute path");
        let folder = self.find(above).unwrap_or_else(|| panic!("{above} is there"));
        let Node::Folder(state) = &mut self.nodes[folder] else {
            panic!("{above} is a folder")
        };
        state.changes += 1;
        change(Arc::make_mut(&mut state.now), name)
    }

    fn find(&self, path: &str) -> Option<usize> {
        let relative = path.strip_prefix(&self.root).expect("a path below the root");
        let mut node = 0;
        for name in relative.split('/').filter(|name| !name.is_empty()) {
            let Node::Folder(state) = &self.nodes[node] else {
                return None;
            };
            node = *state.now.get(name)?;
        }
        Some(node)
    }

    /// What is there after a power cut now.
    pub fn after(&self, loss: Loss) -> Remains<'_> {
        Remains { disk: self, loss }
    }
}

/// What a power cut has left.
#[derive(Debug, Clone, Copy)]
pub struct Remains<'a> {
    disk: &'a Disk,
    loss: Loss,
}

impl Remains<'_> {
    /// The content of a file, by its path below the root.
    pub fn file(&self, path: &str) -> Option<Content> {
        match &self.disk.nodes[self.find(path)?] {
            Node::File(_) => Some(self.content(self.find(path)?)),
            Node::Folder(_) => None,
        }
    }

    /// The files below a folder, by their paths below it; none where there is no folder.
    pub fn files(&self, path: &str) -> Option<BTreeMap<String, Content>> {
        let mut files = BTreeMap::new();
        let mut left = vec![(String::new(), self.find(path)?)];
        self.entries(left[0].1)?;
        while let Some((path, folder)) = left.pop() {
            for (name, &node) in self.entries(folder).unwrap_or_default().iter() {
                match &self.disk.nodes[node] {
                    Node::Folder(_) => left.push((format!("{path}{name}/"), node)),
                    Node::File(_) => _ = files.insert(format!("{path}{name}"), self.content(node)),
                }
            }
        }
        Some(files)
    }

    fn find(&self, path: &str) -> Option<usize> {
        let mut node = 0;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            node = *self.entries(node)?.get(name)?;
        }
        Some(node)
    }

    fn entries(&self, node: usize) -> Option<Entries> {
        let Node::Folder(state) = &self.disk.nodes[node] else {
            return None;
        };
        let is_kept = match self.loss {
            Loss::Everything => false,
            Loss::Content | Loss::Nothing => true,
            Loss::Some(_) => self.chance(node).random_bool(0.5),
        };
        Some(Arc::clone(if is_kept { &state.now } else { &state.safe }))
    }

    fn content(&self, node: usize) -> Content {
        let Node::File(state) = &self.disk.nodes[node] else {
            return Content::default();
        };
        match self.loss {
            Loss::Nothing => Arc::clone(&state.now),
            Loss::Some(_) if state.changes > state.safe_changes => Arc::new(self.torn(node, &state.safe, &state.now)),
            Loss::Everything | Loss::Content | Loss::Some(_) => Arc::clone(&state.safe),
        }
    }

    /// Some blocks of what is safe, and some of what was written since.
    fn torn(&self, node: usize, safe: &[u8], now: &[u8]) -> Vec<u8> {
        let mut chance = self.chance(node);
        let length = if chance.random_bool(0.5) { now.len() } else { safe.len() };
        let mut content: Vec<u8> = safe.iter().copied().chain(std::iter::repeat(0)).take(length).collect();
        for (number, block) in content.chunks_mut(BLOCK).enumerate() {
            let written = now.get(number * BLOCK..).unwrap_or_default();
            let count = written.len().min(block.len());
            if chance.random_bool(0.5) {
                block[..count].copy_from_slice(&written[..count]);
            }
        }
        content
    }

    /// The same for the same file or folder, so that it has one state.
    fn chance(&self, node: usize) -> StdRng {
        let Loss::Some(seed) = self.loss else {
            return StdRng::seed_from_u64(0);
        };
        StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(node as u64))
    }

    /// Writes all of it into a folder.
    pub fn write_to(&self, folder: &Path) {
        self.write_folder(0, folder);
    }

    fn write_folder(&self, node: usize, place: &Path) {
        fs::create_dir_all(place).expect("a folder");
        for (name, &node) in self.entries(node).expect("a folder").iter() {
            let place = place.join(name);
            match &self.disk.nodes[node] {
                Node::Folder(_) => self.write_folder(node, &place),
                Node::File(_) => fs::write(place, &*self.content(node)).expect("written"),
            }
        }
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).expect("a size in memory")
}

mod model {
    use super::*;

    fn changed(change: Change) -> Event {
        Event::Changed(change)
    }

    fn write(path: &str, at: Option<u64>, bytes: &str) -> Event {
        let (path, bytes) = (path.to_owned(), bytes.as_bytes().to_vec());
        changed(Change::Write { path, at, bytes })
    }

    fn waited(number: usize, waited: Waited) -> [Event; 2] {
        [
            Event::WaitBegun(number, waited.clone()),
            Event::WaitEnded(number, waited),
        ]
    }

    #[test]
    fn a_power_cut_drops_what_was_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("old"), "old").expect("a file");
        let root = folder.path().display().to_string();
        let path = |name: &str| format!("{root}/{name}");
        let mut disk = Disk::of(folder.path());
        let text = |disk: &Disk, loss, name: &str| {
            let content = disk.after(loss).file(name);
            content.map(|content| String::from_utf8_lossy(&content).into_owned())
        };
        disk.replay(&changed(Change::Create(path("new"))));
        disk.replay(&write(&path("new"), Some(0), "text"));
        assert_eq!(text(&disk, Loss::Everything, "new"), None);
        assert_eq!(text(&disk, Loss::Content, "new").as_deref(), Some(""));
        assert_eq!(text(&disk, Loss::Nothing, "new").as_deref(), Some("text"));

        for event in waited(1, Waited::For(path("new"))) {
            disk.replay(&event);
        }
        assert_eq!(
            text(&disk, Loss::Everything, "new"),
            None,
            "the content is safe, and its name is not"
        );
        assert_eq!(text(&disk, Loss::Content, "new").as_deref(), Some("text"));

        disk.replay(&changed(Change::Exchange(path("new"), path("old"))));
        for event in waited(2, Waited::For(root.clone())) {
            disk.replay(&event);
        }
        assert_eq!(text(&disk, Loss::Everything, "old").as_deref(), Some("text"));
        assert_eq!(text(&disk, Loss::Everything, "new").as_deref(), Some("old"));
    }

    #[test]
    fn a_wait_is_for_what_was_written_before_it_began() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("file"), "....").expect("a file");
        let path = folder.path().join("file").display().to_string();
        let mut disk = Disk::of(folder.path());
        let [begun, ended] = waited(1, Waited::ForAll);
        for event in [write(&path, Some(0), "AB"), begun, write(&path, None, "CD"), ended] {
            disk.replay(&event);
        }
        assert_eq!(*disk.after(Loss::Everything).file("file").expect("a file"), b"AB..");
        let seen: Vec<_> = (0..40)
            .map(|seed| disk.after(Loss::Some(seed)).file("file").expect("a file"))
            .collect();
        for possible in [&b"AB.."[..], b"AB..CD"] {
            assert!(seen.iter().any(|content| ***content == *possible));
        }
    }
}
