using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>What is in a database: every object of its schema, and every table's rows.</summary>
/// <param name="Objects">One line each, the same for the same schema whatever the database is called.</param>
/// <param name="Rows">Count and checksum of each table, over the columns it had before the migration.</param>
internal sealed record Contents(IReadOnlyList<string> Objects, IReadOnlyDictionary<string, (long Count, string Checksum)> Rows)
{
    private const string Catalog = """
        with logto as (select oid from pg_namespace where nspname = current_schema()),
        lines as (
          select format('table %s security %s', relname, relrowsecurity) as line
            from pg_class where relnamespace = (select oid from logto) and relkind in ('r', 'p', 'v')
          union all
          select format('column %s.%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
              case when attnotnull then 'not null' else 'null' end, pg_get_expr(adbin, adrelid))
            from pg_attribute join pg_class c on c.oid = attrelid left join pg_attrdef on (adrelid, adnum) = (attrelid, attnum)
            where relnamespace = (select oid from logto) and relkind in ('r', 'p', 'v') and attnum > 0 and not attisdropped
          union all
          select format('index %s valid %s ready %s', pg_get_indexdef(indexrelid), indisvalid, indisready)
            from pg_index join pg_class c on c.oid = indexrelid where relnamespace = (select oid from logto)
          union all
          select format('constraint %s on %s %s valid %s', conname, conrelid::regclass, pg_get_constraintdef(oid), convalidated)
            from pg_constraint where connamespace = (select oid from logto)
          union all
          select format('policy %s on %s %s %s using %s check %s', policyname, tablename, permissive, cmd, qual, with_check)
            from pg_policies where schemaname = current_schema()
          union all
          select format('trigger %s', pg_get_triggerdef(t.oid))
            from pg_trigger t join pg_class c on c.oid = tgrelid where relnamespace = (select oid from logto) and not tgisinternal
          union all
          select format('function %s', pg_get_functiondef(oid))
            from pg_proc where pronamespace = (select oid from logto) and prokind = 'f'
          union all
          select format('grant on %s %s', c.relname, acl)
            from pg_class c, unnest(relacl) acl where relnamespace = (select oid from logto))
        select replace(line, current_database(), 'DATABASE') from lines order by 1
        """;

    private const string TablesOf = """
        select format('%s %s', relname, string_agg(attname, ',' order by attnum))
          from pg_class join pg_attribute on attrelid = pg_class.oid
          where relnamespace = (select oid from pg_namespace where nspname = current_schema()) and relkind = 'r' and attnum > 0 and not attisdropped
          group by relname order by relname
        """;

    /// <summary>The tables of a database with their columns, as <see cref="ReadAsync"/> wants them.</summary>
    public static Task<IReadOnlyList<string>> TablesAsync(PostgresServer server, string database, CancellationToken cancellationToken) =>
        server.QueryAsync<string>(database, TablesOf, cancellationToken);

    /// <param name="server">Where it is.</param>
    /// <param name="database">Its name.</param>
    /// <param name="tables">The tables whose rows count, with the columns that are part of the checksum.</param>
    /// <param name="cancellationToken">Ends the wait for a lock.</param>
    public static async Task<Contents> ReadAsync(PostgresServer server, string database, IReadOnlyList<string> tables, CancellationToken cancellationToken)
    {
        var objects = await server.QueryAsync<string>(database, Catalog, cancellationToken);
        var rows = await server.QueryAsync<string>(database, string.Join(" union all ", tables.Select(CountAndChecksum)), cancellationToken);
        return new Contents(objects, rows.Select(row => row.Split(' ')).ToDictionary(row => row[0], row => (long.Parse(row[1], null), row[2])));
    }

    private static string CountAndChecksum(string table)
    {
        var (name, columns) = (table.Split(' ')[0], table.Split(' ')[1]);
        return $$"""
            select format('%s %s %s', '{{name}}', count(*), coalesce(md5(string_agg(line, ' ' order by line)), 'none')) from (
              select (select string_agg(key || '=' || value, ' ' order by key) from jsonb_each_text(to_jsonb(t)) where key = any ('{{{columns}}}')) as line
                from {{PostgresDatabases.Quote(name)}} t) as lines
            """;
    }
}

/// <summary>What an undisturbed migration does, by Logto's CLI alone.</summary>
/// <param name="Tables">The tables before it, with their columns.</param>
/// <param name="Before">What is in the database before.</param>
/// <param name="After">What is in it afterwards.</param>
internal sealed record Baseline(IReadOnlyList<string> Tables, Contents Before, Contents After)
{
    /// <summary>What is wrong with a database that has been migrated.</summary>
    public async Task<IReadOnlyList<string>> DifferencesAsync(PostgresServer server, string database, CancellationToken cancellationToken)
    {
        var actual = await Contents.ReadAsync(server, database, Tables, cancellationToken);
        return
        [
            .. After.Objects.Except(actual.Objects).Select(line => $"the schema lacks: {line}"),
            .. actual.Objects.Except(After.Objects).Select(line => $"the schema has, and an undisturbed migration leaves it otherwise: {line}"),
            .. After.Rows.Where(table => actual.Rows[table.Key].Count != table.Value.Count)
                .Select(table => $"{table.Key} has {actual.Rows[table.Key].Count} rows instead of {table.Value.Count}"),
            // Only what no alteration touches must be the same to the letter.
            .. Before.Rows.Where(table => After.Rows[table.Key] == table.Value && actual.Rows[table.Key] != table.Value)
                .Select(table => $"the rows of {table.Key} have changed, and no alteration changes them"),
        ];
    }
}
