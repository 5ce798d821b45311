//! What was pushed, pointed at or told becomes records, once, whatever stands in the way.

mod crash;
mod pointers;
mod registering;
mod shop;
mod taking;
