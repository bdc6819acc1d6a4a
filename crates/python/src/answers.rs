//! Answers as Python has them: JSON becomes dictionaries and lists, and of those become objects.

use jiter::{PythonParse, StringCacheMode, map_json_error};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};
use pyo3::{PyTypeInfo, intern};

/// JSON text as dictionaries, lists and plain values. It takes what Python's own library takes, beside halves of
/// surrogate pairs and more than 200 levels.
#[pyfunction]
pub(crate) fn read_json<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let parser =
        PythonParse { allow_inf_nan: true, cache_mode: StringCacheMode::Keys, ..PythonParse::default() };
    parser.python_parse(py, text).map_err(|error| map_json_error(text, &error))
}

/// How dictionaries become objects of a class.
#[pyclass(frozen, module = "hindsight._native")]
pub(crate) struct Shape {
    class: Py<PyType>,
    /// Makes an object without fields, of these arguments.
    make: (Py<PyAny>, Py<PyTuple>),
    /// Fields that must be there.
    needed: Vec<Py<PyString>>,
    objects: Vec<Field>,
}

/// A field that is an object, or holds some.
struct Field {
    name: Py<PyString>,
    kind: Kind,
    /// None is the shape itself.
    shape: Option<Py<Shape>>,
}

/// What a field is.
enum Kind {
    Object,
    List,
    Dictionary,
}

#[pymethods]
impl Shape {
    /// `objects` are fields by name: whether they are a `list`, a `dict` or an object alone, and the shape of that,
    /// None for the class itself.
    #[new]
    fn new(
        py: Python<'_>,
        class: Py<PyType>,
        needed: Vec<Py<PyString>>,
        objects: Vec<(Py<PyString>, String, Option<Py<Shape>>)>,
    ) -> PyResult<Self> {
        let new = PyAny::type_object(py).getattr(intern!(py, "__new__"))?.unbind();
        let make = (new, PyTuple::new(py, [&class])?.unbind());
        let objects = objects.into_iter().map(|(name, kind, shape)| {
            let kind = match kind.as_str() {
                "list" => Kind::List,
                "dict" => Kind::Dictionary,
                _ => Kind::Object,
            };
            Field { name, kind, shape }
        });
        let objects = objects.collect();
        Ok(Self { class, make, needed, objects })
    }

    /// An object whose fields are `data` itself; what is an object in it is made one.
    fn own<'py>(&self, data: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let py = data.py();
        for name in &self.needed {
            if !data.contains(name)? {
                return Err(self.incomplete(data));
            }
        }
        for Field { name, kind, shape } in &self.objects {
            let Some(value) = data.get_item(name)? else { continue };
            if !value.is_truthy()? {
                continue;
            }
            let shape = shape.as_ref().map_or(self, Py::get);
            let made = match kind {
                Kind::Object => shape.object(value)?,
                Kind::List => {
                    let made: PyResult<Vec<_>> = value.try_iter()?.map(|item| shape.object(item?)).collect();
                    PyList::new(py, made?)?.into_any()
                }
                Kind::Dictionary => {
                    let made = PyDict::new(py);
                    for (key, item) in value.cast::<PyDict>()? {
                        made.set_item(key, shape.object(item)?)?;
                    }
                    made.into_any()
                }
            };
            data.set_item(name, made)?;
        }
        let (new, arguments) = &self.make;
        let made = new.bind(py).call1(arguments)?;
        made.setattr(intern!(py, "__dict__"), data)?;
        Ok(made)
    }
}

impl Shape {
    /// The object that a value stands for; one that is an object already stays.
    fn object<'py>(&self, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Ok(data) = value.cast::<PyDict>() {
            return self.own(data);
        }
        let class = self.class.bind(value.py());
        if value.is_instance(class)? {
            return Ok(value);
        }
        Err(PyTypeError::new_err(format!(
            "a {} where a {} should be",
            value.get_type().name()?,
            class.name()?
        )))
    }

    /// Says which fields are missing.
    fn incomplete(&self, data: &Bound<'_, PyDict>) -> PyErr {
        let py = data.py();
        let mut missing = Vec::new();
        for name in &self.needed {
            match data.contains(name) {
                Ok(true) => {}
                Ok(false) => missing.push(name.to_string()),
                Err(error) => return error,
            }
        }
        match self.class.bind(py).name() {
            Ok(class) => PyValueError::new_err(format!("a {class} without {}", missing.join(", "))),
            Err(error) => error,
        }
    }
}
