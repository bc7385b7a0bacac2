//! The whole stack: frames, time and calls interleaved, and what must hold after each of them.

mod check;
mod device;
mod frames;
mod peers;
mod steps;
mod world;

use crate::Reached;
use arbitrary::{Arbitrary, Unstructured};
use steps::Step;
use world::World;

/// Steps of one input at most.
const STEPS: usize = 256;

/// Plays an input and lets all time pass.
pub fn run(data: &[u8]) -> Reached {
    let mut input = Unstructured::new(data);
    let Ok(kind) = u8::arbitrary(&mut input) else { return 0 };
    let mut world = World::new(kind);
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut input) else { break };
        world.play(&step);
        world.check();
    }
    world.finish()
}

/// Short scenarios from which mutation starts.
pub fn seeds() -> Vec<Vec<u8>> {
    steps::seeds()
}
