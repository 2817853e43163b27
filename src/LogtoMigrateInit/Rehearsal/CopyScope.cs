using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using Npgsql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// The part of a database that a copy leaves out: schemas and extensions that do not depend on Logto's schema, and on which it does not
/// depend. Reason: alterations change only Logto's schema, and a copy of the rest can fail, because only a superuser may create some
/// extensions.
/// </summary>
/// <param name="Schemas">The names of left-out schemas, unquoted.</param>
/// <param name="Extensions">The names of left-out extensions.</param>
/// <param name="Objects">Other left-out objects. Each is identified as in an archive, by the OIDs of its catalog and of the object.</param>
/// <param name="Tables">The qualified names of tables of left-out extensions in schemas that are copied.</param>
internal sealed record CopyScope(
    IReadOnlyList<string> Schemas, IReadOnlyList<string> Extensions, IReadOnlySet<string> Objects, IReadOnlyList<string> Tables)
{
    /// <summary>The scope that leaves out nothing.</summary>
    public static readonly CopyScope Whole = new([], [], new HashSet<string>(StringComparer.Ordinal), []);

    // The query follows dependencies from Logto's schema. An object belongs to its extension or else to its schema. From each unit it goes
    // to the units on which that depends, and from a schema also to its dependents. It does not go from an extension to its dependents,
    // because two schemas may use the same extension. PostgreSQL does not record the names in the text of a function, so a function that
    // names a schema counts as dependent on it. PostgreSQL's own objects have OIDs below 16384. A schema whose name is in capitals is never
    // left out, because the name could be one of an archive's kinds.
    private const string Query = """
        with recursive space as materialized (
          select oid, nspname::text collate "default" as nspname
            from pg_catalog.pg_namespace
            where nspname !~ '^pg_'
              and nspname <> 'information_schema'),
        extension as materialized (
          select oid, extname::text collate "default" as extname, extnamespace
            from pg_catalog.pg_extension),
        member as materialized (
          select d.classid, d.objid, 'extension ' || e.extname as unit
            from pg_catalog.pg_depend d
            join extension e on e.oid = d.refobjid
            where d.deptype = 'e'
              and d.refclassid = 'pg_catalog.pg_extension'::regclass
          union
          select d.classid, d.objid, m.unit
            from member m
            join pg_catalog.pg_depend d on (d.refclassid, d.refobjid) = (m.classid, m.objid)
            where d.deptype in ('a', 'i')),
        placed as materialized (
          select classid, objid, 'schema ' || s.nspname as unit
            from (
              select tableoid as classid, oid as objid, relnamespace as space from pg_catalog.pg_class
              union all select tableoid, oid, pronamespace from pg_catalog.pg_proc
              union all select tableoid, oid, typnamespace from pg_catalog.pg_type
              union all select tableoid, oid, connamespace from pg_catalog.pg_constraint
              union all select tableoid, oid, oprnamespace from pg_catalog.pg_operator
              union all select tableoid, oid, opcnamespace from pg_catalog.pg_opclass
              union all select tableoid, oid, opfnamespace from pg_catalog.pg_opfamily
              union all select tableoid, oid, collnamespace from pg_catalog.pg_collation
              union all select tableoid, oid, cfgnamespace from pg_catalog.pg_ts_config
              union all select tableoid, oid, dictnamespace from pg_catalog.pg_ts_dict
              union all select tableoid, oid, stxnamespace from pg_catalog.pg_statistic_ext
              union all select d.tableoid, d.oid, c.relnamespace
                from pg_catalog.pg_attrdef d join pg_catalog.pg_class c on c.oid = d.adrelid
              union all select w.tableoid, w.oid, c.relnamespace
                from pg_catalog.pg_rewrite w join pg_catalog.pg_class c on c.oid = w.ev_class
              union all select g.tableoid, g.oid, c.relnamespace
                from pg_catalog.pg_trigger g join pg_catalog.pg_class c on c.oid = g.tgrelid
              union all select p.tableoid, p.oid, c.relnamespace
                from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid) o
            join space s on s.oid = o.space),
        unit as materialized (
          select coalesce(m.classid, p.classid) as classid, coalesce(m.objid, p.objid) as objid, coalesce(m.unit, p.unit) as unit
            from placed p
            full join member m on (m.classid, m.objid) = (p.classid, p.objid)),
        edge as materialized (
          select distinct coalesce(a.unit, d.classid || ' ' || d.objid) as of, coalesce(b.unit, d.refclassid || ' ' || d.refobjid) as uses
            from pg_catalog.pg_depend d
            left join unit a on (a.classid, a.objid) = (d.classid, d.objid)
            left join unit b on (b.classid, b.objid) = (d.refclassid, d.refobjid)
            where d.deptype <> 'e'
              and d.objid >= 16384
              and d.refobjid >= 16384
              and d.refclassid not in ('pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_extension'::regclass)
              and d.classid <> 'pg_catalog.pg_publication_rel'::regclass
              and not exists (
                select from pg_catalog.pg_class t
                  where t.relnamespace = 'pg_toast'::regnamespace
                    and ((d.classid, d.objid) = (t.tableoid, t.oid) or (d.refclassid, d.refobjid) = (t.tableoid, t.oid)))
          union
          select 'schema ' || f.nspname, 'schema ' || s.nspname
            from pg_catalog.pg_proc p
            join space f on f.oid = p.pronamespace
            join space s on position(s.nspname || '.' in p.prosrc) > 0 or position(pg_catalog.quote_ident(s.nspname) || '.' in p.prosrc) > 0
          union
          select 'extension ' || e.extname, 'schema ' || s.nspname
            from extension e
            join space s on s.oid = e.extnamespace),
        kept as (
          select 'schema ' || $1::text as unit
          union
          select case when e.of = k.unit then e.uses else e.of end
            from kept k
            join edge e on e.of = k.unit or (e.uses = k.unit and k.unit ~ '^schema ' and e.of !~ '^extension '))
        select 1, nspname, '' from space
          where nspname !~ '^[A-Z ]+$'
            and 'schema ' || nspname not in (select unit from kept)
        union all
        select 2, extname, '' from extension
          where extname <> 'plpgsql'
            and 'extension ' || extname not in (select unit from kept)
        union all
        select distinct 3, left_out, '' from edge, lateral (values (of), (uses)) v(left_out)
          where left_out ~ '^[0-9]+ '
            and left_out not in (select unit from kept)
        union all
        select distinct 4, m.objid::text, format('%I.%I', s.nspname, c.relname)
          from member m
          join pg_catalog.pg_class c on (c.tableoid, c.oid) = (m.classid, m.objid)
          join space s on s.oid = c.relnamespace
          where m.unit not in (select unit from kept)
            and c.relkind in ('r', 'p', 'S')
        order by 1, 2
        """;

    /// <summary>The left-out schemas and extensions, as phrases for the operator.</summary>
    public IEnumerable<string> Phrases =>
        Schemas.Select(schema => $"schema {schema}").Concat(Extensions.Select(extension => $"extension {extension}"));

    /// <param name="connection">A connection to the real database.</param>
    /// <param name="schema">Logto's schema.</param>
    public static async Task<CopyScope> ReadAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Query, connection) { Parameters = { new() { Value = schema } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var (schemas, extensions, tables) = (new List<string>(), new List<string>(), new List<string>());
        var objects = new HashSet<string>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            var name = reader.GetString(1);
            switch (reader.GetInt32(0))
            {
                case 1:
                    schemas.Add(name);
                    break;
                case 2:
                    extensions.Add(name);
                    break;
                case 3:
                    objects.Add(name);
                    break;
                default:
                    objects.Add($"0 {name}"); // an archive identifies the rows of a table by 0 and the OID of the table
                    tables.Add(reader.GetString(2));
                    break;
            }
        }

        return new CopyScope(schemas, extensions, objects, tables);
    }

    /// <summary>Whether an entry of an archive is left out.</summary>
    public bool LeavesOut(ArchiveEntry entry) =>
        Objects.Contains(entry.CatalogId)
        || Schemas.Any(schema => IsIn(entry.Description, schema) || IsAbout(entry, "SCHEMA", schema))
        || Extensions.Any(extension => IsAbout(entry, "EXTENSION", extension));

    /// <summary>Whether an object of the real database is in a left-out schema.</summary>
    public bool LeavesOut(string qualifiedName) =>
        Schemas.Any(schema => qualifiedName.StartsWith($"{schema}.", StringComparison.Ordinal)
            || qualifiedName.StartsWith($"{SqlNames.Quote(schema)}.", StringComparison.Ordinal));

    /// <summary>Whether an entry is in a schema: its description begins with a kind in capitals and the schema.</summary>
    private static bool IsIn(string description, string schema)
    {
        var at = description.IndexOf($" {schema} ", StringComparison.Ordinal);
        return at > 0 && description[..at].All(character => character is ' ' or (>= 'A' and <= 'Z'));
    }

    private static bool IsAbout(ArchiveEntry entry, string kind, string name) =>
        entry.Is($"{kind} - {name} ")
        || entry.Is($"COMMENT - {kind} {name} ")
        || entry.Is($"COMMENT - {kind} {SqlNames.Quote(name)} ")
        || entry.Is($"ACL - {kind} {name} ")
        || entry.Is($"ACL - {kind} {SqlNames.Quote(name)} ");
}
