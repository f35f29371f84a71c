//! Functions of PostgreSQL's that tools call and `datafusion-pg-catalog` lacks: which server answers, and functions
//! that give the same for every argument.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_string_array;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility, create_udf,
};
use datafusion::prelude::SessionContext;

use crate::postgres::session::variables::{SERVER_VERSION, setting};

/// Functions that give comments, definitions and the like, of which there are none here: NULL for any argument.
pub const ALWAYS_NULL: [&str; 14] = [
    "obj_description",
    "col_description",
    "shobj_description",
    "pg_get_viewdef",
    "pg_get_indexdef",
    "pg_get_triggerdef",
    "pg_get_ruledef",
    "pg_get_function_result",
    "pg_get_function_arguments",
    "pg_get_function_identity_arguments",
    "pg_get_functiondef",
    "pg_get_serial_sequence",
    "pg_tablespace_location",
    "pg_describe_object",
];

/// Registers the functions of this file.
pub fn register(session: &SessionContext) {
    let version = format!(
        "PostgreSQL {SERVER_VERSION} (Pragati {} on Apache DataFusion {})",
        env!("CARGO_PKG_VERSION"),
        datafusion::DATAFUSION_VERSION
    );
    let text = |value: Option<&str>| ScalarValue::Utf8(value.map(str::to_owned));
    let constants = [
        ("version", DataType::Utf8, text(Some(&version))),
        ("pg_is_in_recovery", DataType::Boolean, ScalarValue::from(false)),
        ("pg_advisory_unlock_all", DataType::Utf8, text(None)),
        ("txid_current", DataType::Int64, ScalarValue::from(1_i64)),
        ("inet_server_addr", DataType::Utf8, text(None)),
        ("inet_server_port", DataType::Int32, ScalarValue::Int32(None)),
        ("inet_client_addr", DataType::Utf8, text(None)),
        ("pg_my_temp_schema", DataType::Int32, ScalarValue::from(0_i32)),
    ];
    for (name, kind, value) in constants {
        session.register_udf(ScalarUDF::from(Constant::new(name, kind, value)));
    }
    for name in ALWAYS_NULL {
        session.register_udf(ScalarUDF::from(Constant::new(name, DataType::Utf8, text(None))));
    }
    for name in ["has_column_privilege", "has_function_privilege", "pg_has_role"] {
        session.register_udf(ScalarUDF::from(Constant::new(
            name,
            DataType::Boolean,
            ScalarValue::from(true),
        )));
    }
    session.register_udf(current_setting());
}

/// A function of any arguments with a constant result.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Constant {
    name: &'static str,
    kind: DataType,
    value: ScalarValue,
    signature: Signature,
}

impl Constant {
    /// Gives `value`, of the type `kind`.
    pub fn new(name: &'static str, kind: DataType, value: ScalarValue) -> Self {
        Self {
            name,
            kind,
            value,
            signature: Signature::one_of(
                vec![TypeSignature::Nullary, TypeSignature::VariadicAny],
                Volatility::Stable,
            ),
        }
    }
}

impl ScalarUDFImpl for Constant {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.kind.clone())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// `current_setting(name)`: the value that a variable begins with; NULL where there is none.
fn current_setting() -> ScalarUDF {
    let look = |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let names = ColumnarValue::values_to_arrays(arguments)?;
        let names = cast(&names[0], &DataType::Utf8)?;
        let values: StringArray = as_string_array(&names)?
            .iter()
            .map(|name| name.and_then(setting))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(values) as ArrayRef))
    };
    create_udf(
        "current_setting",
        vec![DataType::Utf8],
        DataType::Utf8,
        Volatility::Stable,
        Arc::new(look),
    )
}
