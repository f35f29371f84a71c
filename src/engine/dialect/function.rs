//! Scalar functions of the dialect: what each takes, gives and does, in a table of plain Rust functions.

use std::hash::{Hash, Hasher};

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The types that arguments are cast to.
type Coerce = fn(&'static str, &[DataType]) -> Result<Vec<DataType>>;
/// The type of what comes of arguments of these types. Values are known of literals.
type Returns = fn(&[DataType], &[Option<&ScalarValue>]) -> Result<DataType>;
/// What comes of these columns, all of one length, as a column of the type.
type Run = fn(&[ArrayRef], &DataType) -> Result<ArrayRef>;

/// A function of the dialect.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    pub coerce: Coerce,
    pub returns: Returns,
    pub run: Run,
}

impl Function {
    /// The function as the engine registers it, also by other names.
    pub fn udf(self, aliases: Vec<String>) -> ScalarUDF {
        ScalarUDF::new_from_impl(Registered {
            function: self,
            aliases,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

/// PostgreSQL's answer where there is no function of arguments of these types.
pub fn no_function<T>(name: &str, arguments: &[DataType]) -> Result<T> {
    let types: Vec<String> = arguments.iter().map(super::type_names::of_arrow).collect();
    plan_err!(
        "function {name}({}) does not exist: no function matches the given name and argument types",
        types.join(", ")
    )
}

/// Whether a function is one of these, and not the engine's of the same name.
#[cfg(feature = "cluster")]
pub fn is_of_dialect(function: &ScalarUDF) -> bool {
    function.inner().is::<Registered>()
}

#[derive(Debug)]
struct Registered {
    function: Function,
    aliases: Vec<String>,
    signature: Signature,
}

impl PartialEq for Registered {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Registered {}

impl Hash for Registered {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for Registered {
    fn name(&self) -> &str {
        self.function.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        (self.function.coerce)(self.function.name, arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        (self.function.returns)(arguments, &vec![None; arguments.len()])
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = arguments
            .arg_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        let kind = (self.function.returns)(&types, arguments.scalar_arguments)?;
        Ok(Field::new(self.function.name, kind, true).into())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one = arguments
            .args
            .iter()
            .all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_one { 1 } else { arguments.number_rows };
        let columns: Vec<ArrayRef> = arguments
            .args
            .iter()
            .map(|value| value.to_array(rows))
            .collect::<Result<_>>()?;
        let made = (self.function.run)(&columns, arguments.return_field.data_type())?;
        match is_one && made.len() == 1 {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?)),
            false => Ok(ColumnarValue::Array(made)),
        }
    }
}
