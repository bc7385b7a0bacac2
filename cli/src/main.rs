//! The command `synward`.
fn main() {}
