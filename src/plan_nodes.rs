//! What the plan nodes of several rooms have in common: methods, and how EXPLAIN lists their columns.

use datafusion::arrow::datatypes::Schema;

/// The names of the columns of `schema`, as EXPLAIN lists the columns of a node: `a, b`.
pub fn column_names(schema: &Schema) -> String {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    names.join(", ")
}

/// The methods of an `ExecutionPlan` that has no expressions, and whose `replace_children` makes it anew.
macro_rules! without_expressions {
    () => {
        fn apply_expressions(
            &self,
            _f: &mut dyn FnMut(
                &::std::sync::Arc<dyn ::datafusion::physical_plan::PhysicalExpr>,
            ) -> ::datafusion::common::Result<::datafusion::common::tree_node::TreeNodeRecursion>,
        ) -> ::datafusion::common::Result<::datafusion::common::tree_node::TreeNodeRecursion> {
            Ok(::datafusion::common::tree_node::TreeNodeRecursion::Continue)
        }

        fn with_new_children(
            self: ::std::sync::Arc<Self>,
            children: Vec<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>>,
        ) -> ::datafusion::common::Result<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>> {
            use ::datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
            self.replace_children(
                children,
                ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
            )
        }
    };
}

/// The methods of an `ExecutionPlan` that has neither children nor expressions.
macro_rules! leaf {
    () => {
        fn children(&self) -> Vec<&::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>> {
            Vec::new()
        }

        $crate::plan_nodes::without_expressions!();

        fn replace_children(
            self: ::std::sync::Arc<Self>,
            children: Vec<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>>,
            _options: ::datafusion::physical_plan::execution_plan::ReplaceChildrenOptions,
        ) -> ::datafusion::common::Result<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>> {
            if children.is_empty() {
                Ok(self)
            } else {
                ::datafusion::common::internal_err!("{} has no children", self.name())
            }
        }
    };
}

/// The methods of an `ExecutionPlan` without expressions that has one input, the plan in its field `$input`, and
/// metrics in its field `metrics`. A method `over(&self, input: Arc<dyn ExecutionPlan>) -> Self` makes the same node
/// above another input. The statistics of the input, which `statistics_from_inputs` gets, are those of the same
/// partition.
macro_rules! one_input {
    ($input:ident) => {
        fn children(&self) -> Vec<&::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>> {
            vec![&self.$input]
        }

        $crate::plan_nodes::without_expressions!();

        fn replace_children(
            self: ::std::sync::Arc<Self>,
            children: Vec<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>>,
            _options: ::datafusion::physical_plan::execution_plan::ReplaceChildrenOptions,
        ) -> ::datafusion::common::Result<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>> {
            match <[_; 1]>::try_from(children) {
                Ok([input]) => Ok(::std::sync::Arc::new(self.over(input))),
                Err(_) => ::datafusion::common::internal_err!("{} has one input", self.name()),
            }
        }

        fn metrics(&self) -> Option<::datafusion::physical_plan::metrics::MetricsSet> {
            Some(self.metrics.clone_inner())
        }

        fn child_stats_requests(
            &self,
            partition: Option<usize>,
        ) -> Vec<::datafusion::physical_plan::statistics::ChildStats> {
            vec![::datafusion::physical_plan::statistics::ChildStats::At(partition)]
        }
    };
}

/// The statistics of an `ExecutionPlan` with one input that gives the same rows.
macro_rules! statistics_of_input {
    () => {
        fn statistics_from_inputs(
            &self,
            inputs: &[::std::sync::Arc<::datafusion::common::Statistics>],
            _args: &::datafusion::physical_plan::statistics::StatisticsArgs,
        ) -> ::datafusion::common::Result<::std::sync::Arc<::datafusion::common::Statistics>> {
            Ok(::std::sync::Arc::clone(&inputs[0]))
        }
    };
}

pub(crate) use leaf;
pub(crate) use one_input;
pub(crate) use statistics_of_input;
pub(crate) use without_expressions;
