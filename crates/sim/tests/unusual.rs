//! What is told of devices that do what they never do, through the engine with simulated weeks.

use sim::watch;

#[test]
fn what_is_planted_is_found_and_habits_are_no_news() {
    // Nothing is said in the week of learning; then twenty devices make less than an alert a week.
    let told = watch(2, 3, 1);
    assert_eq!(told.false_alerts[0], 0, "{told:?}");
    assert!(told.false_alerts.iter().sum::<usize>() <= 2, "{told:?}");
    // A thing that joins an attack at night, a laptop that sends for most of an hour.
    assert_eq!(told.found_after_min, [Some(10), Some(10)], "{told:?}");
    assert!(told.sentences.iter().any(|sentence| sentence.contains("03:05: 13 upload")), "{told:?}");
}
