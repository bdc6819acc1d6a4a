//! Lets the system resolve the names of Python when the extension is loaded, also where linkers ask for them
//! when it is built.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
