//! What orders for a carrier are made up like, in those ERPs that differ only in how they write them down.

/// How many orders of which kind are made up. Shares are of the count; what is left are plain orders for UPS.
#[derive(Debug, Clone)]
pub struct Orders {
    /// What they are made from.
    pub seed: u64,
    /// How many.
    pub count: usize,
    /// Over how many days before now they became ready; 0 for now.
    pub days: u32,
    /// Addresses that nobody knows.
    pub unknown_address: f64,
    /// Addresses that could be several.
    pub ambiguous_address: f64,
    /// Services that do not go where the order goes.
    pub refused_service: f64,
    /// Orders of items without weight.
    pub weightless: f64,
    /// Orders of more than one parcel.
    pub heavy: f64,
    /// Orders to Canada.
    pub canada: f64,
    /// Orders that are not for shipping, of each sort that the ERP knows.
    pub not_ready: f64,
    /// Orders for another carrier, and orders for none, each.
    pub not_ups: f64,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            seed: 1,
            count: 50,
            days: 5,
            unknown_address: 0.015,
            ambiguous_address: 0.015,
            refused_service: 0.02,
            weightless: 0.01,
            heavy: 0.08,
            canada: 0.02,
            not_ready: 0.02,
            not_ups: 0.03,
        }
    }
}
