//! The steps from the queue tree that is installed to the one that should be, purely.

use crate::tree::{Class, LeafQdisc, QueueTree};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A class, under a parent that is there.
    AddClass(u16, Class),
    /// New attributes for a class, hitless.
    ChangeClass(u16, Class),
    /// A class without children, with what stands in it.
    RemoveClass(u16),
    /// A qdisc into a leaf class, in the place of what stood there.
    SetLeaf(u16, LeafQdisc),
    /// Another size for a qdisc of the same kind, hitless.
    ResizeLeaf(u16, LeafQdisc),
}

/// The steps that turn `installed` into `desired`: groups in order, inside a group in any order.
///
/// From the leaves up, what shrinks and what goes; then from the root down, what comes and what grows. So no
/// step lifts the sum of children's rates above their parent's, whatever the two trees are (as long as
/// neither does itself), and after a step that failed the groups that follow need not be tried.
/// What is equal is not touched.
pub fn diff(installed: &QueueTree, desired: &QueueTree) -> Vec<Vec<Op>> {
    // A class that moves to another parent, which only tampering can bring about, goes and comes.
    let stays = |minor: &u16, class: &Class| desired.classes.get(minor).is_some_and(|new| new.parent == class.parent);
    let mut groups = Vec::new();
    for depth in [2, 1, 0] {
        let here = || installed.classes.iter().filter(|(_, class)| depth_of(installed, class) == depth);
        let shrinks = here().filter_map(|(&minor, old)| {
            let new = desired.classes.get(&minor).filter(|_| stays(&minor, old))?;
            (new != old && new.rate <= old.rate).then_some(Op::ChangeClass(minor, *new))
        });
        groups.push(shrinks.collect());
        groups
            .push(here().filter(|(minor, old)| !stays(minor, old)).map(|(&minor, _)| Op::RemoveClass(minor)).collect());
    }
    for depth in [0, 1, 2] {
        let here = desired.classes.iter().filter(|(_, class)| depth_of(desired, class) == depth);
        let grows = here.filter_map(|(&minor, new)| match installed.classes.get(&minor) {
            Some(old) if stays(&minor, old) => (new.rate > old.rate).then_some(Op::ChangeClass(minor, *new)),
            _ => Some(Op::AddClass(minor, *new)),
        });
        groups.push(grows.collect());
    }
    let kept = |minor: &u16| installed.classes.get(minor).is_some_and(|old| stays(minor, old));
    let leaves = desired.leaves.iter().filter_map(|(&minor, &new)| {
        match installed.leaves.get(&minor).filter(|_| kept(&minor)) {
            Some(&old) if old == new => None,
            Some(old) if old.kind == new.kind => Some(Op::ResizeLeaf(minor, new)),
            _ => Some(Op::SetLeaf(minor, new)),
        }
    });
    groups.push(leaves.collect());
    groups.retain(|group: &Vec<Op>| !group.is_empty());
    groups
}

/// How many classes are above this one: 2 at most in a tree of ours, and no more are looked for.
fn depth_of(tree: &QueueTree, class: &Class) -> usize {
    let above = |class: &Class| tree.classes.get(&class.parent);
    match above(class) {
        None => 0,
        Some(parent) if above(parent).is_none() => 1,
        Some(_) => 2,
    }
}
