//! The steps from the queue tree that is installed to the one that should be, purely.

use crate::leaf::LeafQdisc;
use crate::tree::{Class, QueueTree};
use datapath::DEFAULT_MINOR;
use std::collections::{BTreeMap, BTreeSet};

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
    /// The qdisc of a leaf class goes, with what waits there. Never a part of [`diff`].
    RemoveLeaf(u16),
}

/// The steps that turn `installed` into `desired`: groups in order, inside a group in any order.
///
/// From the leaves up, what shrinks and what goes; then from the root down, what comes and what grows, the class for who
/// has none last. So no
/// step lifts the sum of children's rates above their parent's, whatever the two trees are (as long as
/// neither does itself), and after a step that failed the groups that follow need not be tried.
/// What is equal is not touched, and no step loses a packet.
pub fn diff(installed: &QueueTree, desired: &QueueTree) -> Vec<Vec<Op>> {
    let (mut shrinks, mut goes, mut grows) =
        ([const { Vec::new() }; 3], [const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    let mut fresh = BTreeSet::new();
    for (minor, old, new) in both(&installed.classes, &desired.classes) {
        match (old, new) {
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) if old.parent == new.parent => {
                let change = Op::ChangeClass(minor, *new);
                if new.rate <= old.rate {
                    shrinks[depth_of(installed, old)].push(change);
                } else {
                    grows[depth_of(desired, new)].push(change);
                }
            }
            // A class that moves to another parent, which only tampering can bring about, goes and comes.
            _ => {
                if let Some(old) = old {
                    goes[depth_of(installed, old)].push(Op::RemoveClass(minor));
                }
                if let Some(new) = new {
                    grows[depth_of(desired, new)].push(Op::AddClass(minor, *new));
                    fresh.insert(minor);
                }
            }
        }
    }
    let leaves = both(&installed.leaves, &desired.leaves).filter_map(|(minor, old, new)| {
        let new = *new?;
        match old.filter(|_| !fresh.contains(&minor) && installed.classes.contains_key(&minor)) {
            Some(&old) if old == new => None,
            Some(old) if old.kind == new.kind => Some(Op::ResizeLeaf(minor, new)),
            _ => Some(Op::SetLeaf(minor, new)),
        }
    });
    // Without the default class all packets pass HTB by; with it they wait in a queue of the kernel's own, which goes,
    // with them, when ours comes. So it comes last of all, and its queue with the next order.
    let (leaves, last): (Vec<Op>, Vec<Op>) =
        leaves.partition(|op| !matches!(op, Op::SetLeaf(DEFAULT_MINOR, _)) || !fresh.contains(&DEFAULT_MINOR));
    let default =
        grows.iter_mut().flat_map(|grows| grows.extract_if(.., |op| matches!(op, Op::AddClass(DEFAULT_MINOR, _))));
    let default = default.collect();
    let mut groups: Vec<Vec<Op>> =
        shrinks.into_iter().zip(goes).rev().flat_map(|(shrinks, goes)| [shrinks, goes]).collect();
    groups.extend(grows);
    groups.extend([leaves, default, last]);
    groups.retain(|group: &Vec<Op>| !group.is_empty());
    groups
}

/// What stands under each key of either, in order.
fn both<'a, V>(
    left: &'a BTreeMap<u16, V>,
    right: &'a BTreeMap<u16, V>,
) -> impl Iterator<Item = (u16, Option<&'a V>, Option<&'a V>)> {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    std::iter::from_fn(move || {
        let next = [left.peek(), right.peek()].into_iter().flatten().map(|(minor, _)| **minor).min()?;
        let of_left = left.next_if(|(minor, _)| **minor == next).map(|(_, value)| value);
        let of_right = right.next_if(|(minor, _)| **minor == next).map(|(_, value)| value);
        Some((next, of_left, of_right))
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::{STYLE, any_division, slot};
    use crate::tree::{Charge, queue_tree};
    use proptest::prelude::*;
    use vocab::{BitRate, Division};

    /// Does what the kernel does.
    fn take(tree: &mut QueueTree, op: Op) {
        match op {
            Op::AddClass(minor, class) => {
                assert!(class.parent == 0 || tree.classes.contains_key(&class.parent), "{minor:x} has its parent");
                assert_eq!(tree.classes.insert(minor, class), None, "{minor:x} was not there");
            }
            Op::ChangeClass(minor, class) => {
                let old = tree.classes.insert(minor, class).expect("only what is there is changed");
                assert_eq!(old.parent, class.parent, "the kernel moves no class");
            }
            Op::RemoveClass(minor) => {
                assert!(!tree.classes.values().any(|class| class.parent == minor), "{minor:x} has children");
                tree.classes.remove(&minor).expect("only what is there is removed");
                tree.leaves.remove(&minor);
            }
            Op::SetLeaf(minor, leaf) => {
                assert!(tree.classes.contains_key(&minor));
                assert!(!tree.classes.values().any(|class| class.parent == minor), "{minor:x} is a leaf");
                tree.leaves.insert(minor, leaf);
            }
            Op::ResizeLeaf(minor, leaf) => {
                let old = tree.leaves.insert(minor, leaf).expect("only what is there is resized");
                assert_eq!(old.kind, leaf.kind);
            }
            Op::RemoveLeaf(minor) => panic!("{minor:x} would lose packets"),
        }
    }

    fn tree(division: &Division) -> Option<QueueTree> {
        queue_tree(division, STYLE, &BTreeMap::new(), slot).map(|built| built.tree)
    }

    proptest! {
        #[test]
        fn every_step_keeps_every_cap_and_the_last_one_arrives(
            from in any_division(), to in any_division(), from_nothing in any::<bool>(), turn in any::<usize>(),
        ) {
            let from = if from_nothing { Some(QueueTree::default()) } else { tree(&from) };
            let (Some(mut tree), Some(desired)) = (from, tree(&to)) else { return Ok(()) };
            for mut group in diff(&tree, &desired) {
                // Inside a group any order must do: turned and, half of the time, backwards.
                let turn_by = turn % group.len();
                group.rotate_left(turn_by);
                if turn % 2 == 1 {
                    group.reverse();
                }
                for op in group {
                    take(&mut tree, op);
                    prop_assert_eq!(tree.overcommitted(), None, "after {:?}", op);
                }
            }
            prop_assert_eq!(tree, desired);
        }

        #[test]
        fn who_has_no_class_waits_nowhere_before_all_is_there(division in any_division()) {
            let Some(desired) = tree(&division) else { return Ok(()) };
            let (class, leaf) = (desired.classes[&DEFAULT_MINOR], desired.leaves[&DEFAULT_MINOR]);
            let groups = diff(&QueueTree::default(), &desired);
            let last = [[Op::AddClass(DEFAULT_MINOR, class)], [Op::SetLeaf(DEFAULT_MINOR, leaf)]];
            prop_assert_eq!(&groups[groups.len() - 2..], last);
        }

        #[test]
        fn nothing_changed_no_steps(division in any_division()) {
            let Some(tree) = tree(&division) else { return Ok(()) };
            prop_assert_eq!(diff(&tree, &tree), Vec::<Vec<Op>>::new());
        }

        #[test]
        fn only_what_differs_is_touched(division in any_division(), pick in any::<proptest::sample::Index>()) {
            let Some(installed) = tree(&division) else { return Ok(()) };
            let mut desired = installed.clone();
            let minor = *pick.get(&desired.classes.keys().copied().collect::<Vec<_>>());
            let class = desired.classes.get_mut(&minor).unwrap();
            class.ceil += BitRate::from_bps(8);
            let changed = *class;
            prop_assert_eq!(diff(&installed, &desired), [[Op::ChangeClass(minor, changed)]]);
        }
    }

    #[test]
    fn a_class_under_another_parent_goes_and_comes() {
        let class = |parent, rate| Class {
            parent,
            rate: BitRate::from_kbps(rate),
            ceil: BitRate::from_kbps(rate),
            prio: 0,
            quantum: 1_514,
            burst: 1,
            cburst: 1,
            charge: Charge::default(),
        };
        let tree = |parent| QueueTree {
            classes: [(1, class(0, 100)), (0x10, class(1, 40)), (0x20, class(1, 40)), (0x11, class(parent, 20))].into(),
            ..QueueTree::default()
        };
        let (mut installed, desired) = (tree(0x20), tree(0x10));
        for op in diff(&installed, &desired).into_iter().flatten() {
            take(&mut installed, op);
        }
        assert_eq!(installed, desired);
    }
}
