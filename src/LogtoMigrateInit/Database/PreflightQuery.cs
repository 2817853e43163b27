using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>What the user may do and which of Logto's roles are there, for the preflight.</summary>
/// <param name="Roles">Those named <c>logto_tenant_…</c> for this database, in either spelling and with any suffix; cluster-wide.</param>
/// <param name="MayCreateInSchema">False also when there is no schema.</param>
/// <param name="MayCreateRoles">Superuser or CREATEROLE.</param>
/// <param name="TablesOfOthers">Tables that the user does not own, so that it cannot alter them.</param>
internal sealed record Privileges(
    IReadOnlyList<string> Roles, bool MayCreateInSchema, bool MayCreateRoles, IReadOnlyList<string> TablesOfOthers);

/// <summary>Reads <see cref="Privileges"/>.</summary>
internal static class PreflightQuery
{
    private const string Rights = """
        select coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
          (select rolsuper or rolcreaterole from pg_catalog.pg_roles where rolname = current_user)
        """;

    private const string Roles = """
        select rolname::text from pg_catalog.pg_roles
          where rolname::text in (select base || suffix
            from (values ('logto_tenant_' || current_database()), ('logto_tenant_' || replace(current_database(), '-', '_'))) as bases (base),
              (values (''), ('_admin'), ('_default')) as suffixes (suffix))
          order by 1
        """;

    private const string TablesOfOthers = """
        select c.relname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = current_schema() and c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'USAGE')
          order by 1
        """;

    public static async Task<Privileges> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new(Rights), new(Roles), new(TablesOfOthers) } };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (create, createRoles) = (reader.GetBoolean(0), reader.GetBoolean(1));
        await reader.NextResultAsync(cancellationToken);
        var roles = await InspectionQuery.ReadNamesAsync(reader, cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return new Privileges(roles, create, createRoles, await InspectionQuery.ReadNamesAsync(reader, cancellationToken));
    }
}
