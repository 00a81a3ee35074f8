#include "rules/builtin/extensions.hpp"

#include <algorithm>
#include <string_view>

namespace chaperone::rules {
namespace {

constexpr std::string_view kWithOperators[] = {
    "btree_gin", "btree_gist", "citext",  "cube",    "earthdistance", "hstore",   "intarray",
    "isn",       "ltree",      "pg_trgm", "postgis", "seg",           "unaccent", "vector"};

/// The names stand between blanks; all overloads that the extension brings are meant. Left out, beside what
/// is there for types, indexes and operators:
///   hstore     populate_record (takes a row type)
///   pg_trgm    set_limit, show_limit (a setting)
///   pgcrypto   crypt, gen_salt (as long as a number says), encryption (keys and clear text stand in records)
///   postgis    all but the casts that take the names of PostgreSQL's own functions
///   uuid-ossp  uuid_generate_v1 (shows a network address of the server)
/// and tablefunc, xml2, dblink, lo, pageinspect and the like as a whole.
struct Reviewed {
  std::string_view extension, functions;
};
constexpr Reviewed kFunctions[] = {
    {"citext",
     " citext max min regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table "
     "replace "
     "split_part strpos translate "},
    {"cube",
     " cube cube_coord cube_dim cube_distance cube_enlarge cube_inter cube_is_point cube_ll_coord cube_size "
     "cube_subset "
     "cube_union cube_ur_coord distance_chebyshev distance_taxicab "},
    {"earthdistance",
     " earth earth_box earth_distance gc_to_sec geo_distance latitude ll_to_earth longitude sec_to_gc "},
    {"fuzzystrmatch",
     " daitch_mokotoff difference dmetaphone dmetaphone_alt levenshtein levenshtein_less_equal metaphone "
     "soundex "
     "text_soundex "},
    {"hstore",
     " akeys avals defined delete each exist exists_all exists_any fetchval hstore hstore_to_array "
     "hstore_to_json "
     "hstore_to_json_loose hstore_to_jsonb hstore_to_jsonb_loose hstore_to_matrix isdefined isexists skeys "
     "slice "
     "slice_array svals tconvert "},
    {"intarray", " icount idx intset sort sort_asc sort_desc subarray uniq "},
    {"ltree", " index lca ltree2text nlevel subltree subpath text2ltree "},
    {"pg_trgm", " show_trgm similarity strict_word_similarity word_similarity "},
    {"pgcrypto", " digest gen_random_bytes gen_random_uuid hmac "},
    {"postgis", " box bytea json jsonb path point polygon text "},
    {"unaccent", " unaccent "},
    {"uuid-ossp",
     " uuid_generate_v1mc uuid_generate_v3 uuid_generate_v4 uuid_generate_v5 uuid_nil uuid_ns_dns "
     "uuid_ns_oid "
     "uuid_ns_url uuid_ns_x500 "},
    {"vector",
     " array_to_halfvec array_to_sparsevec array_to_vector avg binary_quantize cosine_distance halfvec "
     "hamming_distance "
     "inner_product jaccard_distance l1_distance l2_distance l2_norm l2_normalize sparsevec subvector sum "
     "vector "
     "vector_dims vector_norm vector_to_float4 "},
};

bool has_name(std::string_view names, std::string_view name) {
  for (std::size_t at = 0; (at = names.find(name, at)) != std::string_view::npos; ++at) {
    if (at > 0 && names[at - 1] == ' ' && names.substr(at + name.size()).starts_with(' ')) return true;
  }
  return false;
}

}  // namespace

bool has_safe_operators(std::string_view extension) {
  return std::ranges::find(kWithOperators, extension) != std::end(kWithOperators);
}

bool is_safe_of_extension(const Function& function) {
  const bool as_brought =
      !function.security_definer &&
      (function.language == "c" || function.language == "sql" || function.language == "internal");
  return as_brought && std::ranges::any_of(kFunctions, [&](const Reviewed& reviewed) {
           return reviewed.extension == function.extension && has_name(reviewed.functions, function.name);
         });
}

}  // namespace chaperone::rules
