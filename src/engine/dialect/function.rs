//! Scalar functions of the dialect: argument types, result type and computation, in tables of plain Rust functions.

use std::hash::{Hash, Hasher};

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::type_names::{TYPE_OF, with_type_names};

/// The types that arguments are cast to.
type Coerce = fn(&'static str, &[DataType]) -> Result<Vec<DataType>>;
/// The result type for arguments of these types. The values of literals are known.
type Returns = fn(&[DataType], &[Option<&ScalarValue>]) -> Result<DataType>;
/// The result for these columns, all of one length, as a column of the result type.
type Run = fn(&[ArrayRef], &DataType) -> Result<ArrayRef>;
/// As [`Run`], for values of which some may be the same in all rows; the number is that of rows.
type RunOnValues = fn(&[ColumnarValue], usize, &DataType) -> Result<ArrayRef>;
/// As [`Run`], where the result depends on the session's settings.
type RunInSession = fn(&[ArrayRef], &DataType, &ConfigOptions) -> Result<ArrayRef>;

/// A function of the dialect.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    pub coerce: Coerce,
    pub returns: Returns,
    pub run: Run,
}

impl Function {
    /// A function of these parts.
    pub const fn new(name: &'static str, coerce: Coerce, returns: Returns, run: Run) -> Self {
        Self {
            name,
            coerce,
            returns,
            run,
        }
    }

    /// The function as the engine registers it, also by other names.
    pub fn udf(self, aliases: Vec<String>) -> ScalarUDF {
        ScalarUDF::new_from_impl(Registered {
            name: self.name,
            coerce: self.coerce,
            returns: self.returns,
            body: Body::Alone(self.run),
            aliases,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

/// A function of the dialect to which a value that is the same in all rows does not have to be a column.
#[derive(Debug, Clone, Copy)]
pub struct FunctionOfValues {
    pub name: &'static str,
    pub coerce: Coerce,
    pub returns: Returns,
    pub run: RunOnValues,
}

impl FunctionOfValues {
    /// The function as the engine registers it.
    pub fn udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(Registered {
            name: self.name,
            coerce: self.coerce,
            returns: self.returns,
            body: Body::OfValues(self.run),
            aliases: Vec::new(),
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

/// A function of the dialect that looks at the session's settings, such as its time zone.
#[derive(Debug, Clone, Copy)]
pub struct FunctionOfSession {
    pub name: &'static str,
    pub coerce: Coerce,
    pub returns: Returns,
    pub run: RunInSession,
}

impl FunctionOfSession {
    /// The function as the engine registers it.
    pub fn udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(Registered {
            name: self.name,
            coerce: self.coerce,
            returns: self.returns,
            body: Body::InSession(self.run),
            aliases: Vec::new(),
            signature: Signature::user_defined(Volatility::Stable),
        })
    }
}

/// PostgreSQL's error where there is no function for arguments of these types.
pub fn no_function<T>(name: &str, arguments: &[DataType]) -> Result<T> {
    let types: Vec<String> = arguments.iter().map(super::type_names::of_arrow).collect();
    plan_err!(
        "function {name}({}) does not exist: no function matches the given name and argument types",
        types.join(", ")
    )
}

/// Whether a function is one of the dialect, and not the engine's of the same name.
#[cfg(feature = "cluster")]
pub fn is_of_dialect(function: &ScalarUDF) -> bool {
    function.inner().is::<Registered>()
}

#[derive(Debug)]
enum Body {
    Alone(Run),
    OfValues(RunOnValues),
    InSession(RunInSession),
}

#[derive(Debug)]
struct Registered {
    name: &'static str,
    coerce: Coerce,
    returns: Returns,
    body: Body,
    aliases: Vec<String>,
    signature: Signature,
}

impl PartialEq for Registered {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Registered {}

impl Hash for Registered {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Registered {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        (self.coerce)(self.name, arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        (self.returns)(arguments, &vec![None; arguments.len()])
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = arguments
            .arg_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        let kind = (self.returns)(&types, arguments.scalar_arguments)?;
        let field = Field::new(self.name, kind, true);
        Ok(match self.name {
            TYPE_OF => with_type_names(field).into(),
            _ => field.into(),
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one = arguments
            .args
            .iter()
            .all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_one { 1 } else { arguments.number_rows };
        let columns = || {
            let columns = arguments.args.iter().map(|value| value.to_array(rows));
            columns.collect::<Result<Vec<ArrayRef>>>()
        };
        let kind = arguments.return_field.data_type();
        let made = match self.body {
            Body::Alone(run) => run(&columns()?, kind)?,
            Body::OfValues(run) => run(&arguments.args, rows, kind)?,
            Body::InSession(run) => run(&columns()?, kind, &arguments.config_options)?,
        };
        // The engine checks this only in debug builds, with a message that does not name the function.
        debug_assert_eq!(made.data_type(), kind, "what {} gives", self.name);
        match is_one && made.len() == 1 {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?)),
            false => Ok(ColumnarValue::Array(made)),
        }
    }
}
