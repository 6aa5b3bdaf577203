"""What a query may hold on a MySQL or MariaDB server, and which functions only compute there."""

from storage_adapters.table_storage.query_scanner import Dialect

_NAMES = """
abs acos asin atan atan2 bit_count ceil ceiling conv cos cot crc32 crc32c degrees div exp floor format
greatest interval least ln log log10 log2 mod pi pow power radians rand round sign sin sqrt tan truncate
any_value approx_count_distinct avg bit_and bit_or bit_xor count group_concat json_arrayagg
json_objectagg max median min std stddev stddev_pop stddev_samp sum var_pop var_samp variance cume_dist
dense_rank first_value grouping lag last_value lead nth_value ntile percent_rank percentile_cont
percentile_disc rank row_number ascii bin bin_to_uuid bit_length char char_length character_length
charset chr coercibility collation compress concat concat_ws convert elt export_set field find_in_set
from_base64 hex insert instr is_uuid lcase left length lengthb locate lower lpad ltrim make_set md5 mid
natural_sort_key oct octet_length ord position quote regexp_instr regexp_like regexp_replace
regexp_substr repeat replace reverse right rpad rtrim sformat sha sha1 sha2 soundex space strcmp substr
substring substring_index to_base64 to_char trim trim_oracle ucase uncompress uncompressed_length unhex
upper uuid uuid_short uuid_to_bin weight_string extractvalue updatexml random_bytes aes_decrypt
aes_encrypt adddate add_months addtime convert_tz curdate current_date current_time current_timestamp
curtime date date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear extract
from_days from_unixtime get_format hour last_day localtime localtimestamp makedate maketime microsecond
minute month monthname months_between now period_add period_diff quarter sec_to_time second str_to_date
subdate subtime sysdate time time_format time_to_sec timediff timestamp timestampadd timestampdiff
to_days to_seconds unix_timestamp utc_date utc_time utc_timestamp week weekday weekofyear year yearweek
coalesce cast if ifnull isnull nullif nvl nvl2 values row match json_array json_array_append
json_array_insert json_array_intersect json_compact json_contains json_contains_path json_depth
json_detailed json_equals json_exists json_extract json_insert json_key_filter json_keys json_length
json_loose json_merge json_merge_patch json_merge_preserve json_normalize json_object
json_object_filter_keys json_object_to_array json_overlaps json_pretty json_query json_quote json_remove
json_replace json_schema_valid json_schema_validation_report json_search json_set json_storage_size
json_table json_type json_unquote json_valid json_value column_check column_exists column_get
column_json column_list inet_aton inet_ntoa inet6_aton inet6_ntoa is_ipv4 is_ipv4_compat is_ipv4_mapped
is_ipv6 current_user database schema session_user system_user user version geometrycollection linestring
mbrcontains mbrdisjoint mbrequal mbrintersects mbroverlaps mbrtouches mbrwithin multipoint
multilinestring multipolygon point polygon st_area st_asbinary st_asgeojson st_astext st_aswkb st_aswkt
st_buffer st_centroid st_contains st_convexhull st_crosses st_difference st_dimension st_disjoint
st_distance st_distance_sphere st_endpoint st_envelope st_equals st_exteriorring st_geohash st_geometryn
st_geometrytype st_geomfromgeojson st_geomfromtext st_geomfromwkb st_interiorringn st_intersection
st_intersects st_isclosed st_isempty st_issimple st_isvalid st_latitude st_length st_longitude
st_makeenvelope st_numgeometries st_numinteriorrings st_numpoints st_overlaps st_pointfromtext st_pointn
st_polyfromtext st_relate st_simplify st_srid st_startpoint st_symdifference st_touches st_transform
st_union st_validate st_within st_x st_y vec_distance vec_distance_cosine vec_distance_euclidean
vec_fromtext vec_totext string_to_vector vector_to_string vector_dim binary bit datetime dec decimal
double fixed float int integer nchar numeric nvarchar real signed unsigned varbinary varchar vector
"""
_FUNCTIONS = frozenset(_NAMES.split())
"""Those of MySQL 8.4 and MariaDB 11 that read nothing but their arguments, and change nothing. At the end types that take a
length."""

MYSQL = Dialect(
    parser="mysql",
    comment=r"/\*.*?\*/ | \#[^\n]* | --(?=[\s\x00-\x20]|\Z)[^\n]*",
    refused={
        r"/\*M?!": "a comment that the server would execute: /*! … */",
        r"\?": "a ?, which is a placeholder without a value",
        r":=": "an assignment, :=",
        r"\|>": "a pipe, |>, which few servers know",
    },
    forbidden={
        "INTO": "writes its result elsewhere",
        "LOAD_FILE": "reads files of the server",
        **dict.fromkeys(("GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS"), "takes a lock"),
        "SLEEP": "only waits",
        **dict.fromkeys(
            (
                *("MASTER_GTID_WAIT", "MASTER_POS_WAIT", "SOURCE_POS_WAIT"),
                *("WAIT_FOR_EXECUTED_GTID_SET", "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS"),
                "WSREP_SYNC_WAIT_UPTO_GTID",
            ),
            "waits for another server",
        ),
        "BENCHMARK": "only uses the processor",
        "HIGH_PRIORITY": "goes ahead of the table's writers",
        **dict.fromkeys(("SYS_EXEC", "SYS_EVAL", "SYS_SET"), "runs programs of the server"),
        **dict.fromkeys(("NEXTVAL", "SETVAL"), "changes a sequence"),
    },
    locking={"UPDATE": "FOR", "SHARE": "FOR", "MODE": "SHARE"},
    functions=_FUNCTIONS,
)
"""The server's rules under our sql_mode: no ANSI_QUOTES, backslashes escape. The session is also read-only, and takes
one statement at a time."""
