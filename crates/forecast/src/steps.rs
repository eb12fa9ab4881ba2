//! Learning in steps, whatever learns: reports, checks on what is kept apart, and an end when these no longer improve.

use std::ops::ControlFlow;

/// How far training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps made.
    pub step: usize,
    /// Of so many at most.
    pub steps: usize,
    /// The loss on what is learnt from, since the last report.
    pub learning_loss: f64,
    /// The loss on what is kept apart; `None` where nothing is.
    pub checked_loss: Option<f64>,
}

/// Reports, and checks on what is kept apart, in a whole course.
const REPORTS: usize = 25;

/// After so many checks without a better one training ends.
const PATIENCE: usize = 12;

/// What learns in steps.
pub(crate) trait Learning {
    /// What becomes of it.
    type Learnt;

    /// Makes the `step`-th step, from one on; its mean loss.
    fn step(&mut self, step: usize) -> f64;

    /// What it has learnt by now.
    fn learnt(&self) -> Option<Self::Learnt>;

    /// What that loses on what is kept apart; `None` where nothing is.
    fn checked_loss(&self, learnt: &Self::Learnt) -> Option<f64>;
}

/// Goes through `steps` at most; `report` may end it early. What was best on what is kept apart, or came last where
/// nothing is.
pub(crate) fn go_through<L: Learning>(
    mut learning: L,
    steps: usize,
    report: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Option<L::Learnt> {
    let every = steps.div_ceil(REPORTS).max(1);
    let (mut best, mut since_best, mut lost): (Option<(f64, L::Learnt)>, _, _) = (None, 0, 0.0);
    for step in 1..=steps {
        lost += learning.step(step);
        if !step.is_multiple_of(every) && step != steps {
            continue;
        }
        let learnt = learning.learnt()?;
        let checked_loss = learning.checked_loss(&learnt);
        let learning_loss = std::mem::take(&mut lost) / every as f64;
        match (checked_loss, &best) {
            (Some(loss), Some((least, _))) if loss >= *least => since_best += 1,
            (loss, _) => {
                best = Some((loss.unwrap_or_default(), learnt));
                since_best = 0;
            }
        }
        if report(Progress { step, steps, learning_loss, checked_loss }).is_break() || since_best >= PATIENCE {
            break;
        }
    }
    best.map(|(_, learnt)| learnt)
}

/// How wide a step is: rising to `widest` at once, and from there down to a hundredth of it by a cosine.
pub(crate) fn step_width(widest: f32, step: usize, steps: usize) -> f32 {
    let done = step as f32 / steps as f32;
    let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
    widest * (done * 50.0).min(1.0) * cosine.max(0.01)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loses on what is kept apart what is written down for each check; has learnt which check it is.
    struct Written(&'static [f64], usize);

    impl Learning for Written {
        type Learnt = usize;

        fn step(&mut self, step: usize) -> f64 {
            self.1 = step;
            1.0
        }

        fn learnt(&self) -> Option<usize> {
            Some(self.1 / 2)
        }

        fn checked_loss(&self, check: &usize) -> Option<f64> {
            self.0.get(check - 1).copied()
        }
    }

    #[test]
    fn the_best_is_kept_and_patience_ends() {
        const WORSE: [f64; 25] = [2.0; 25];
        let of = |losses: &'static [f64], most: usize| {
            let mut reports = 0;
            let learnt = go_through(Written(losses, 0), 2 * REPORTS, &mut |progress| {
                reports += 1;
                assert_eq!((progress.step, progress.learning_loss), (2 * reports, 1.0));
                if reports == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            (learnt, reports)
        };
        assert_eq!(of(&[], 100), (Some(25), REPORTS), "nothing is kept apart: the newest");
        assert_eq!(of(&WORSE, 100), (Some(1), 1 + PATIENCE));
        assert_eq!(of(&[3.0, 1.0, 2.0, 2.0], 4), (Some(2), 4));
    }
}
