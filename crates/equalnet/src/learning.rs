//! A family learns: the parts of a school on threads, with a bar for each.

use forecast::{Family, Learnt, School};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many threads as there are cores.
pub fn all_cores() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Learns all of it, so many parts at a time. What comes out does not depend on how many.
pub fn learn(school: &School, threads: NonZero<usize>) -> Family {
    let bars = MultiProgress::new();
    if !std::io::stderr().is_terminal() {
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut learnt: Vec<(usize, Learnt)> = Vec::new();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = school.parts().get(nth) else { return learnt };
            let bar = bars.add(bar(&format!("{} learns", part.name()), part.steps() as u64));
            let one = school.learn(part, &mut |progress| {
                bar.set_position(progress.step as u64);
                ControlFlow::Continue(())
            });
            bar.finish_and_clear();
            learnt.extend(one.map(|one| (nth, one)));
        }
    };
    let mut learnt: Vec<(usize, Learnt)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.get().min(school.parts().len())).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.flat_map(|learnt| learnt.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    learnt.sort_by_key(|&(nth, _)| nth);
    Family::of(learnt.into_iter().map(|(_, learnt)| learnt))
}

/// A bar on a terminal, nothing elsewhere.
pub fn bar(what: &str, length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:18} {bar:40} {pos} of {len}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(what.to_owned())
}
