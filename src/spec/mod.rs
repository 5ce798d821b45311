//! YAML to a checked model: what the engine runs, and everything that is wrong with a file at once.

pub mod raw;
pub mod scalar;
pub mod schema;
pub mod tree;
pub mod yaml;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// How to speak to one product.
    System,
    /// What moves between systems.
    Mapping,
    /// What one engine runs.
    Config,
}

impl Kind {
    /// The name of its schema file.
    pub fn schema_file(self) -> &'static str {
        match self {
            Self::System => "system.schema.json",
            Self::Mapping => "mapping.schema.json",
            Self::Config => "config.schema.json",
        }
    }
}
pub mod structure;
#[cfg(test)]
mod tests {
    #[test]
    fn t() {
        use super::*;
        let mut sources = crate::diagnostics::Sources::default();
        let dir = std::env::temp_dir().join("sch");
        schema::write(&dir).unwrap();
        for f in std::env::var("F").unwrap().split(' ') {
            let text: std::sync::Arc<str> = std::fs::read_to_string(f).unwrap().into();
            let file = sources.add(f, text.clone());
            let mut out = vec![];
            if let Some(tree) = yaml::parse(&file, &text, &mut out) {
                let kind = if tree.entry(tree.root(), "system").is_some() { Kind::System } else if tree.entry(tree.root(), "mapping").is_some() { Kind::Mapping } else { Kind::Config };
                let d = structure::check(&tree, kind, &mut out);
                match kind {
                    Kind::System => { println!("{:?}", raw::read::<raw::system::SystemFile>(&tree, tree.root(), &d).err()); }
                    Kind::Mapping => { println!("{:?}", raw::read::<raw::mapping::MappingFile>(&tree, tree.root(), &d).err()); }
                    Kind::Config => { println!("{:?}", raw::read::<raw::config::ConfigFile>(&tree, tree.root(), &d).err()); }
                }
            }
            crate::diagnostics::finding::tidy(&mut out);
            println!("{}", crate::diagnostics::human::render(&out, &sources, false));
            println!("{}", crate::diagnostics::github::render(&out, &sources));
        }
    }
}
