//! What strangers and senders push, and what is kept of it.

mod attacks;
mod bounds;
mod caller;
mod gate;
mod held;
mod kept;
mod program;
mod shop;
mod through;
