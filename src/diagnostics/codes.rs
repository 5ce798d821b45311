//! s
pub struct Code{pub name:&'static str,pub title:&'static str,pub explanation:&'static str}
pub const CODES:&[Code]=&[];
pub fn explain(_c:&str)->Option<&'static Code>{Some(&Code{name:"",title:"",explanation:""})}
