"""What a query may hold on Hive and on Spark, and which functions only compute there."""

from dataclasses import replace

from storage_adapters.table_storage.query_scanner import Dialect

_HIVE_NAMES = """
abs acos asin atan bin bround cbrt ceil ceiling conv cos degrees e exp factorial floor greatest hex
least ln log log10 log2 mod negative pi pmod positive pow power radians rand round shiftleft shiftright
shiftrightunsigned sign sin sqrt tan unhex width_bucket avg collect_list collect_set corr count
covar_pop covar_samp histogram_numeric max min percentile percentile_approx percentile_cont
percentile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
regr_syy std stddev stddev_pop stddev_samp sum var_pop var_samp variance bloom_filter cume_dist
dense_rank first_value grouping lag last_value lead ntile percent_rank rank row_number ascii base64
char_length character_length chr concat concat_ws context_ngrams crc32 decode elt encode field
find_in_set format_number get_json_object initcap instr lcase length levenshtein locate lower lpad ltrim
mask mask_first_n mask_hash mask_last_n mask_show_first_n mask_show_last_n md5 ngrams octet_length
parse_url printf quote regexp regexp_extract regexp_replace repeat replace reverse rpad rtrim sentences
sha sha1 sha2 soundex space split str_to_map substr substring substring_index translate trim ucase
unbase64 upper uuid aes_decrypt aes_encrypt hash murmur_hash add_months current_date current_timestamp
date date_add date_format date_sub datediff day dayofmonth dayofweek dayofyear extract from_unixtime
from_utc_timestamp hour last_day minute month months_between next_day quarter second to_date
to_unix_timestamp to_utc_timestamp trunc unix_timestamp weekofyear year array array_contains map
map_keys map_values named_struct size sort_array sort_array_by struct inline explode posexplode stack
json_tuple parse_url_tuple index assert_true bitwise_not coalesce cast if isnotnull isnull nullif nvl
nvl2 isfalse isnotfalse isnottrue istrue binary bigint boolean double float int smallint string
timestamp tinyint decimal varchar char current_database current_user version
"""
_HIVE_FUNCTIONS = frozenset(_HIVE_NAMES.split())
"""Those of Hive 3 and 4 that read nothing but their arguments, and change nothing; at the end types. Not the ones for XML:
older servers follow what an XML document refers to."""

_SPARK_NAMES = """
acosh asinh atan2 atanh atan bit_count bit_get bit_length cosh cot csc div expm1 getbit hypot log1p
negative random randn rint sec shiftleft sinh tanh try_add try_divide try_mod try_multiply try_subtract
try_avg try_sum uniform signum any any_value approx_count_distinct approx_percentile array_agg bit_and
bit_or bit_xor bool_and bool_or count_if count_min_sketch every first first_value grouping_id kurtosis
last max_by mean median min_by mode nth_value product skewness some try_element_at bitmap_bit_position
bitmap_bucket_number bitmap_construct_agg bitmap_count bitmap_or_agg hll_sketch_agg hll_sketch_estimate
hll_union hll_union_agg listagg string_agg btrim char collate collation contains endswith format_string
ilike is_valid_utf8 left len like luhn_check make_valid_utf8 overlay position quote randstr regexp_count
regexp_extract_all regexp_instr regexp_like regexp_substr right rlike split_part startswith string
to_binary to_char to_number to_varchar try_aes_decrypt try_to_binary try_to_number try_validate_utf8
url_decode url_encode try_url_decode validate_utf8 xxhash64 convert_timezone curdate current_time
current_timezone date_diff date_from_unix_date date_part date_trunc dateadd datepart dayname day_name
extract from_unixtime localtimestamp make_date make_dt_interval make_interval make_timestamp
make_timestamp_ltz make_timestamp_ntz make_ym_interval monthname now session_window timestamp_micros
timestamp_millis timestamp_seconds to_timestamp to_timestamp_ltz to_timestamp_ntz try_make_interval
try_make_timestamp try_to_date try_to_timestamp unix_date unix_micros unix_millis unix_seconds weekday
window window_time timestampadd timestampdiff aggregate array_append array_compact array_distinct
array_except array_insert array_intersect array_join array_max array_min array_position array_prepend
array_remove array_repeat array_size array_sort array_union arrays_overlap arrays_zip cardinality concat
element_at exists explode_outer filter flatten forall get inline_outer map_concat map_contains_key
map_entries map_filter map_from_arrays map_from_entries map_zip_with posexplode_outer reduce sequence
shuffle slice transform transform_keys transform_values try_cast try_variant_get variant_get zip_with from_csv
from_json json_array_length json_object_keys parse_json try_parse_json schema_of_csv schema_of_json
to_csv to_json to_variant_object is_variant_null schema_of_variant equal_null ifnull isnan nanvl
nullifzero zeroifnull typeof monotonically_increasing_id spark_partition_id current_catalog
current_schema user session_user input_file_name range values timestamp_ntz timestamp_ltz interval
numeric dec
"""
_SPARK_FUNCTIONS = _HIVE_FUNCTIONS | frozenset(_SPARK_NAMES.split())
"""Those of Spark 3 and 4, too."""

_BLANK = r"(?: \s | /\*.*?\*/ | --[^\n]* )*"

HIVE_SQL = Dialect(
    parser="hive",
    comment=r"/\*.*?\*/ | --[^\n]*",
    refused={
        r"[rR](?=['\"])": "a raw string, r'…', which Hive and Spark read differently",
        # Spark's sessions also reject it, if the server identifies itself as Spark.
        rf"\.{_BLANK}[`\"](?:[\w.+-]+:)?/": "a file in place of a table",
        r":=": "an assignment, :=",
        r"\|>": "a pipe, |>, which few servers know",
        rf"(?i:USING)(?={_BLANK}['\"])": "USING with a program, which would run on the server",
    },
    forbidden={
        "INSERT": "writes its result elsewhere",
        "INTO": "writes its result elsewhere",
        **dict.fromkeys(("REFLECT", "REFLECT2", "TRY_REFLECT", "JAVA_METHOD"), "runs any code of the server"),
        "IN_FILE": "reads files of the server",
        **dict.fromkeys(("GET_SPLITS", "EXECUTE_SPLITS", "GET_LLAP_SPLITS"), "runs another query"),
        "SURROGATE_KEY": "changes a sequence",
    },
    functions=_HIVE_FUNCTIONS,
    suffix="(?:[LlSsYyDdFf]|[Bb][Dd])?",
    doubled_quotes=False,
    file_formats=frozenset(
        {"text", "csv", "json", "parquet", "orc", "avro", "xml", "binaryfile", "libsvm", "image", "delta"}
    ),
)
"""Backslashes escape, as by default in both servers."""

SPARK_SQL = replace(HIVE_SQL, parser="spark", functions=_SPARK_FUNCTIONS)
"""Spark's Thrift server: more functions, those with `x -> …` among them."""
