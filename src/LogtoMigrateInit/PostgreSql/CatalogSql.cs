namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// The query for all objects of a database that <c>pg_dump</c> dumps. It needs <c>search_path = pg_catalog</c>, so that PostgreSQL prints
/// qualified names.
/// </summary>
/// <remarks>
/// <c>$definitions</c> is replaced by true or false, because the functions that print definitions do not use the transaction's snapshot.
/// Objects with an OID below 16384 belong to PostgreSQL itself (<c>FirstNormalObjectId</c> in <c>transam.h</c>). Options of columns that
/// begin with <c>pg_</c> belong to the server and differ in each database: Debian's 15.20 has <c>pg_attver</c>.
/// </remarks>
internal static class CatalogSql
{
    private const string Sources = """
        with member as (
          select classid, objid
            from pg_depend
            where deptype = 'e'),
        space as (
          select n.*
            from pg_namespace n
            where (n.oid >= 16384 or n.nspname = 'public')
              and n.nspname !~ '^pg_'),
        relation as (
          select c.*
            from pg_class c
            join space s on s.oid = c.relnamespace
            where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c')
              and c.relpersistence <> 't'
              and not exists (select from member e where e.classid = 'pg_class'::regclass and e.objid = c.oid)),
        attribute as (
          select a.attrelid,
              string_agg(
                concat_ws(
                  ' ', a.attname, format_type(a.atttypid, a.atttypmod), nullif(l.collname, 'default'), a.attnotnull, a.attidentity,
                  a.attgenerated, case when $definitions then pg_get_expr(d.adbin, d.adrelid) end,
                  nullif(to_jsonb(a)->>'attstattarget', '-1'), a.attstorage, a.attcompression,
                  (select string_agg(o, ',' order by o) from unnest(a.attoptions) o where o not like 'pg\_%')),
                ', ' order by a.attnum) as columns
            from relation r
            join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            left join pg_collation l on l.oid = a.attcollation
            group by a.attrelid),
        parents as (
          select i.inhrelid, string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno) as names
            from pg_inherits i
            group by i.inhrelid),
        here as (
          select *
            from pg_database
            where datname = current_database())
        """;

    private const string Relations = """
        select 'pg_class'::regclass as classid, r.oid, 0 as part, r.relowner as owner, r.relacl as acl, 'r' as rights,
            case when $definitions then concat_ws(
              ' ', r.relkind, r.relpersistence, r.reloptions::text, r.relrowsecurity, r.relforcerowsecurity, r.relreplident,
              a.columns, p.names, pg_get_partkeydef(r.oid), pg_get_expr(r.relpartbound, r.oid),
              case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end) end as definition,
            null::bigint as value
          from relation r
          left join attribute a on a.attrelid = r.oid
          left join parents p on p.inhrelid = r.oid
          where r.relkind not in ('S', 'c')
        """;

    private const string Sequences = """
        select 'pg_class'::regclass, r.oid, 0, r.relowner, r.relacl, 's',
            concat_ws(
              ' ', r.relpersistence, format_type(q.seqtypid, null), q.seqstart, q.seqincrement, q.seqmax, q.seqmin, q.seqcache,
              q.seqcycle),
            case when $definitions and not q.seqcycle and has_sequence_privilege(r.oid, 'SELECT, USAGE')
              then greatest(-9223372036854775807, least(9223372036854775807,
                coalesce(pg_sequence_last_value(r.oid)::numeric, q.seqstart::numeric - q.seqincrement) * sign(q.seqincrement)::int))::bigint
              end
          from relation r
          join pg_sequence q on q.seqrelid = r.oid
        """;

    private const string ColumnRights = """
        select 'pg_class'::regclass, a.attrelid, a.attnum, r.relowner, a.attacl, null, '', null
          from relation r
          join pg_attribute a on a.attrelid = r.oid
          where a.attacl is not null
            and not a.attisdropped
        """;

    // PostgreSQL 18 also stores NOT NULL as constraints (contype 'n'). They are left out, because older releases have none.
    private const string Constraints = """
        select 'pg_constraint'::regclass, k.oid, 0, null, null, null,
            case when $definitions then concat_ws(
              ' ', pg_get_constraintdef(k.oid),
              exists (select from pg_trigger g where g.tgconstraint = k.oid and g.tgenabled = 'D')) end,
            null
          from pg_constraint k
          join relation r on r.oid = k.conrelid
          where k.contype <> 'n'
        """;

    // Invalid indexes are left out, because pg_dump does not dump them.
    private const string Indexes = """
        select 'pg_class'::regclass, i.oid, 0, null, null, null,
            case when $definitions then concat_ws(
              ' ', pg_get_indexdef(i.oid), x.indisclustered, x.indisreplident, array_to_string(i.reloptions, ', ')) end,
            null
          from pg_index x
          join pg_class i on i.oid = x.indexrelid
          join relation r on r.oid = x.indrelid
          where x.indisvalid
        """;

    private const string Triggers = """
        select 'pg_trigger'::regclass, g.oid, 0, null, null, null,
            case when $definitions then concat_ws(' ', pg_get_triggerdef(g.oid), g.tgenabled) end, null
          from pg_trigger g
          join relation r on r.oid = g.tgrelid
          where not g.tgisinternal
        """;

    private const string Rules = """
        select 'pg_rewrite'::regclass, w.oid, 0, null, null, null,
            case when $definitions then concat_ws(' ', pg_get_ruledef(w.oid), w.ev_enabled) end, null
          from pg_rewrite w
          join relation r on r.oid = w.ev_class
          where w.rulename <> '_RETURN'
        """;

    private const string Policies = """
        select 'pg_policy'::regclass, p.oid, 0, null, null, null,
            case when $definitions then concat_ws(
              ' ', p.polpermissive, p.polcmd,
              (select string_agg(o.rolname, ',' order by o.rolname) from pg_roles o where o.oid = any (p.polroles)),
              pg_get_expr(p.polqual, p.polrelid), '/', pg_get_expr(p.polwithcheck, p.polrelid)) end,
            null
          from pg_policy p
          join relation r on r.oid = p.polrelid
        """;

    private const string Functions = """
        select 'pg_proc'::regclass, p.oid, 0, p.proowner, p.proacl, 'f',
            case when $definitions then case p.prokind
              when 'a' then (
                select concat_ws(' ', aggtransfn, aggfinalfn, aggcombinefn, aggtranstype::regtype, agginitval)
                  from pg_aggregate
                  where aggfnoid = p.oid)
              else pg_get_functiondef(p.oid) end end,
            null
          from pg_proc p
          join space s on s.oid = p.pronamespace
          where not exists (select from member e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
            and not exists (
              select from pg_depend d
                where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i' and d.refclassid = 'pg_type'::regclass)
        """;

    private const string Types = """
        select 'pg_type'::regclass, t.oid, 0, t.typowner, t.typacl, 'T',
            case when $definitions then concat_ws(
              ' ', t.typtype,
              (select string_agg(e.enumlabel, ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
              case when t.typtype = 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault) end,
              (select string_agg(pg_get_constraintdef(k.oid), ', ' order by k.conname)
                from pg_constraint k
                where k.contypid = t.oid and k.contype <> 'n'),
              (select format_type(g.rngsubtype, null) from pg_range g where g.rngtypid = t.oid), a.columns) end,
            null
          from pg_type t
          join space s on s.oid = t.typnamespace
          left join relation r on r.oid = t.typrelid
          left join attribute a on a.attrelid = t.typrelid
          where t.typtype in ('b', 'c', 'd', 'e', 'r')
            and not exists (select from pg_type o where o.typarray = t.oid)
            and (t.typrelid = 0 or r.relkind = 'c')
            and not exists (select from member e where e.classid = 'pg_type'::regclass and e.objid = t.oid)
        """;

    private const string Schemas = """
        select 'pg_namespace'::regclass, s.oid, 0, s.nspowner, s.nspacl, 'n', '', null
          from space s
          where not exists (select from member e where e.classid = 'pg_namespace'::regclass and e.objid = s.oid)
        """;

    private const string Extensions = """
        select 'pg_extension'::regclass, x.oid, 0, x.extowner, null, null,
            concat_ws(' ', x.extversion, x.extnamespace::regnamespace), null
          from pg_extension x
          where x.oid >= 16384
        """;

    // Options of servers and mappings, and connection strings, are not read, because they may contain secrets.
    private const string Others = """
        select o.classid, o.oid, 0, o.owner, o.acl, o.rights, o.definition, null
          from (
            select 'pg_operator'::regclass as classid, oid, oprowner as owner, null::aclitem[] as acl, null::text as rights,
                concat_ws(' ', oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin) as definition
              from pg_operator
            union all
            select 'pg_opclass'::regclass, oid, opcowner, null, null, concat_ws(' ', opcintype::regtype, opcdefault) from pg_opclass
            union all
            select 'pg_opfamily'::regclass, oid, opfowner, null, null, '' from pg_opfamily
            union all
            select 'pg_collation'::regclass, oid, collowner, null, null,
                concat_ws(' ', collprovider, collisdeterministic, collcollate, collctype)
              from pg_collation
            union all
            select 'pg_conversion'::regclass, oid, conowner, null, null, concat_ws(' ', conforencoding, contoencoding, conproc)
              from pg_conversion
            union all
            select 'pg_ts_config'::regclass, oid, cfgowner, null, null, '' from pg_ts_config
            union all
            select 'pg_ts_dict'::regclass, oid, dictowner, null, null, coalesce(dictinitoption, '') from pg_ts_dict
            union all
            select 'pg_ts_parser'::regclass, oid, null, null, null, '' from pg_ts_parser
            union all
            select 'pg_ts_template'::regclass, oid, null, null, null, '' from pg_ts_template
            union all
            select 'pg_statistic_ext'::regclass, oid, stxowner, null, null, case when $definitions then pg_get_statisticsobjdef(oid) end
              from pg_statistic_ext
            union all
            select 'pg_cast'::regclass, oid, null, null, null, concat_ws(' ', castfunc::regprocedure, castcontext, castmethod)
              from pg_cast
            union all
            select 'pg_language'::regclass, oid, lanowner, lanacl, 'l', '' from pg_language
            union all
            select 'pg_am'::regclass, oid, null, null, null, amhandler::text from pg_am
            union all
            select 'pg_transform'::regclass, oid, null, null, null, '' from pg_transform
            union all
            select 'pg_foreign_data_wrapper'::regclass, oid, fdwowner, fdwacl, 'F', '' from pg_foreign_data_wrapper
            union all
            select 'pg_foreign_server'::regclass, oid, srvowner, srvacl, 'S', concat_ws(' ', srvtype, srvversion) from pg_foreign_server
            union all
            select 'pg_user_mapping'::regclass, umid, null, null, null, '' from pg_user_mappings
            union all
            select 'pg_event_trigger'::regclass, oid, evtowner, null, null,
                concat_ws(' ', evtevent, evtfoid::regprocedure, evtenabled, evttags::text)
              from pg_event_trigger
            union all
            select 'pg_publication'::regclass, p.oid, p.pubowner, null, null,
                concat_ws(
                  ' ', p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
                  (select string_agg(r.prrelid::regclass::text, ', ' order by r.prrelid::regclass::text)
                    from pg_publication_rel r
                    where r.prpubid = p.oid))
              from pg_publication p
            union all
            select 'pg_subscription'::regclass, u.oid, u.subowner, null, null, '' from pg_subscription u join here h on h.oid = u.subdbid
            union all
            select 'pg_largeobject'::regclass, oid, lomowner, lomacl, 'L', '' from pg_largeobject_metadata
            union all
            select 'pg_default_acl'::regclass, oid, defaclrole, defaclacl, null, '' from pg_default_acl) o
          where o.oid >= 16384
            and not exists (select from member e where e.classid = o.classid and e.objid = o.oid)
        """;

    // Comments, the database itself, settings and slots are no objects with a class and an OID. The value of a setting with a dot in its
    // name is not read, because it belongs to an extension or an application and may be a secret.
    private const string Rest = """
        select 'comment', o.type || ' ' || o.identity, null, null, null, null, null, null, d.description, null
          from pg_description d,
          lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) o
          where (d.objoid >= 16384 or (d.classoid = 'pg_namespace'::regclass and d.objoid = 'public'::regnamespace))
            and not exists (select from member e where e.classid = d.classoid and e.objid = d.objoid)
            and d.classoid <> 'pg_extension'::regclass
        union all
        select 'database', '', null, null, null, h.datdba, h.datacl, 'd',
            concat_ws(' ', h.datconnlimit, h.datistemplate, pg_encoding_to_char(h.encoding), h.datcollate, h.datctype), null
          from here h
        union all
        select 'setting', concat_ws(' of role ', v.name, r.rolname), null, null, null, null, null, null,
            case when v.name ~ '\.' then '' else substr(c, length(v.name) + 2) end, null
          from pg_db_role_setting g
          join here h on h.oid = g.setdatabase
          left join pg_roles r on r.oid = g.setrole,
          unnest(g.setconfig) c,
          lateral (select split_part(c, '=', 1) as name) v
        union all
        select 'replication slot', s.slot_name, null, null, null, null, null, null, '', null
          from pg_replication_slots s
          where s.database = current_database()
            and not s.temporary
        """;

    // An owner's usual rights are left out, because PostgreSQL 17 has added one. Casts to text, brackets and spaces do not count in a
    // definition, because PostgreSQL itself changes them when it reads its own output.
    private const string Columns = """
        select i.kind, i.name, case when coalesce(i.part, 0) = 0 then r.rolname::text end,
            case when i.rights is null and i.acl is null then null else coalesce((
              select string_agg(
                  concat(case g.grantee when 0 then '' when i.owner then '*' else pg_get_userbyid(g.grantee) end, '=', g.rights),
                  e'\n' order by g.grantee <> 0, g.grantee <> i.owner, pg_get_userbyid(g.grantee))
                from (
                  select a.grantee,
                      string_agg(
                        lower(a.privilege_type) || case when a.is_grantable then '+' else '' end, ',' order by a.privilege_type) as rights
                    from aclexplode(coalesce(i.acl, acldefault(i.rights::"char", i.owner))) a
                    group by a.grantee) g
                where g.grantee <> i.owner
                  or i.rights is null
                  or g.rights <> (
                    select string_agg(lower(a.privilege_type), ',' order by a.privilege_type)
                      from aclexplode(acldefault(i.rights::"char", i.owner)) a
                      where a.grantee = i.owner)), '') end,
            case when i.definition is not null then substr(md5(regexp_replace(
              i.definition, '::(text|character varying|bpchar|"char")(\[\])?|[()\s]', '', 'g')), 1, 12) end,
            i.value
          from identified i
          left join pg_roles r on r.oid = i.owner
          where i.name is not null
          order by 1, 2
        """;

    private static readonly string[] Kinds =
    [
        Relations, Sequences, ColumnRights, Constraints, Indexes, Triggers, Rules, Policies, Functions, Types, Schemas, Extensions, Others,
    ];

    private static readonly string Template = $"""
        {Sources},
        found as (
        {string.Join("\nunion all\n", Kinds)}),
        identified as (
        select o.type as kind, o.identity as name, f.*
          from found f,
          lateral pg_identify_object(f.classid, f.oid, f.part) o
        union all
        {Rest})
        {Columns}
        """;

    /// <summary>
    /// The query for the objects that depend on an extension, directly or indirectly. Its columns are the extension and the OIDs of the
    /// class and of the object, as <c>pg_restore --list</c> prints them. The rows of an extension's own table have the class 0. 1259 is
    /// <c>pg_class</c>.
    /// </summary>
    public const string OfExtensions = """
        with recursive member as (
          select d.refobjid as extension, d.classid, d.objid
            from pg_depend d
            where d.deptype = 'e'
              and d.refclassid = 'pg_extension'::regclass
              and d.refobjid >= 16384),
        needing as (
          select m.extension, m.classid, m.objid
            from member m
          union
          select n.extension, w.classid, w.objid
            from needing n
            join pg_depend d on d.refclassid = n.classid and d.refobjid = n.objid and d.deptype in ('n', 'a', 'i', 'P', 'S')
            left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
            left join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
            left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid and k.contype = 'c',
            lateral (
              values (d.classid, d.objid), (1259, r.ev_class), (1259, f.adrelid), (1259, nullif(k.conrelid, 0))
            ) w(classid, objid)
            where w.objid is not null)
        select x.extname::text, n.classid::oid || ' ' || n.objid
          from needing n
          join pg_extension x on x.oid = n.extension
          where not exists (select from member m where m.classid = n.classid and m.objid = n.objid)
        union all
        select x.extname::text, '0 ' || t
          from pg_extension x, unnest(x.extconfig) t
        order by 1, 2
        """;

    /// <param name="definitions">Whether to read definitions and positions of sequences.</param>
    public static string Query(bool definitions) =>
        Template.Replace("$definitions", definitions ? "true" : "false", StringComparison.Ordinal);
}
