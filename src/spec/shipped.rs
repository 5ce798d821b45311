//! The system files and mappings that are part of the program, so that an installation is one file.

/// A shipped file.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    /// The name in the file, such as `ups`.
    pub name: &'static str,
    /// The file as it is named in findings.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! shipped {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        &[$(Shipped {
            name: $name,
            file: concat!("built-in/", $folder, $name, ".yaml"),
            text: include_str!(concat!("../../", $folder, $name, ".yaml")),
        }),+]
    };
}

/// The shipped system files.
pub const SYSTEMS: &[Shipped] = shipped!(
    "mappings/systems/":
    "sage100",
    "sage100-soap",
    "sage300",
    "sagex3",
    "sagex3-graphql",
    "sagex3-soap",
    "shipstation-v1",
    "shipstation-v2",
    "syspro",
    "syspro-odata",
    "ups",
);

/// The shipped mappings.
pub const MAPPINGS: &[Shipped] = shipped!(
    "mappings/":
    "sage100-shipstation",
    "sage100-ups",
    "sage300-shipstation",
    "sagex3-ups",
    "syspro-ups",
);

/// The shipped system file called `name`.
pub fn system(name: &str) -> Option<&'static Shipped> {
    SYSTEMS.iter().find(|shipped| shipped.name == name)
}

/// The shipped mapping called `name`.
pub fn mapping(name: &str) -> Option<&'static Shipped> {
    MAPPINGS.iter().find(|shipped| shipped.name == name)
}
