//! The simulated UPS, quirk by quirk.
