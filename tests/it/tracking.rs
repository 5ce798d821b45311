//! From shipped to delivered: what UPS tells of parcels comes to Sage 100, Sage X3 and SYSPRO, once.

mod lease;
mod road;
mod ways;
