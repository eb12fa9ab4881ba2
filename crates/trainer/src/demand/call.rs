//! Calls: voices that talk and are silent, pictures that adapt, screens that are shown.
//!
//! Talk and silence last about a second each (Brady 1968; ITU-T P.59); codecs take 6 to 64 kbit/s (RFC 6716,
//! RFC 3551); pictures 100 kbit/s to 4 Mbit/s, adapted as RFC 8836 asks: probing up slowly, down at once (Google
//! congestion control, Carlucci et al. 2016). Meetings of several follow who speaks (Chang et al. 2021: Zoom,
//! Meet, Webex; MacMillan et al. 2021).

use super::stage::Stage;

/// What a call shows at a time.
#[derive(Clone, Copy)]
enum Scene {
    Voices,
    Faces,
    Screen,
}

/// Calls, one after another.
pub fn call(stage: &mut Stage<'_>) {
    let voice = stage.chance.scale(2e3, 1.2e4);
    let silent = stage.chance.pick(&[0.02, 0.1, 0.1, 0.4, 1.0]);
    let film = stage.chance.scale(1.2e4, 5e5);
    let frames = stage.chance.scale(0.03, 0.6);
    let pictures = stage.chance.between(0.0, 1.0);
    let screens = stage.chance.between(0.0, 0.4);
    let changes = stage.chance.scale(15.0, 1_500.0);
    let back = stage.chance.scale(0.05, 1.5);
    let (talks, listens) = (stage.chance.scale(0.5, 20.0), stage.chance.scale(0.5, 20.0));
    let mut at = stage.from + stage.chance.between(0.0, 20.0);
    let mut ends = at + stage.chance.scale(60.0, 7_200.0);
    let mut target = film * stage.chance.between(0.1, 1.0);
    let mut talking = true;
    let mut turn = at;
    while at < stage.until {
        let scene = if stage.chance.is(screens) {
            Scene::Screen
        } else if stage.chance.is(pictures) {
            Scene::Faces
        } else {
            Scene::Voices
        };
        // Another speaker, another number of faces.
        let share = stage.chance.scale(0.25, 1.3);
        let until = (at + stage.chance.wait(changes) + 1.0).min(ends);
        let mut page = 0.0;
        let mut level = 0.0;
        while at < until && at < stage.until {
            while at >= turn {
                talking = !talking;
                turn += stage.chance.wait(if talking { talks } else { listens }) + 0.1;
            }
            let sound = if talking { voice } else { voice * silent };
            level += -0.15 * level + 0.4 * frames * stage.chance.normal();
            let wants = match scene {
                Scene::Voices => 0.0,
                Scene::Faces => target * share * f64::exp(level),
                Scene::Screen => {
                    if stage.chance.is(0.04) {
                        page = stage.chance.scale(0.2, 4.0) * film;
                    }
                    page *= 0.6;
                    page + film * 0.02
                }
            };
            let came = stage.pour(at, at + 0.5, back, |chance| {
                (sound * (1.0 + 0.1 * chance.normal())) + wants * (1.0 + frames * chance.normal()).max(0.0)
            });
            // Up by little while all comes through, down at once where it does not.
            target = if came < 0.95 { target * came.max(0.3) * 0.85 } else { (target * 1.015).min(film) };
            at += 0.5;
        }
        if at >= ends {
            at += stage.chance.scale(5.0, 2_000.0);
            turn = turn.max(at);
            ends = at + stage.chance.scale(60.0, 7_200.0);
            let join = stage.chance.scale(5e3, 3e6);
            at = stage.fetch(at, join);
        }
    }
}
