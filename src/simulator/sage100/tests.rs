//! The simulated Sage 100, quirk by quirk.
