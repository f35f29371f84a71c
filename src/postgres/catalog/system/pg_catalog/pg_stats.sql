-- There are no statistics of columns.
select
    cast(null as text) as schemaname,
    cast(null as text) as tablename,
    cast(null as text) as attname,
    cast(null as boolean) as inherited,
    cast(null as real) as null_frac,
    cast(null as int) as avg_width,
    cast(null as real) as n_distinct,
    cast(null as text) as most_common_vals,
    cast(null as real[]) as most_common_freqs,
    cast(null as text) as histogram_bounds,
    cast(null as real) as correlation,
    cast(null as text) as most_common_elems,
    cast(null as real[]) as most_common_elem_freqs,
    cast(null as real[]) as elem_count_histogram
where false
