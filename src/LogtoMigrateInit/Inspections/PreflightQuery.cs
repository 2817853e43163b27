using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Inspections;

/// <summary>The user's rights and Logto's roles on the server, for the preflight.</summary>
/// <param name="Roles">
/// The roles <c>logto_tenant_…</c> of this database that exist on the server: the parent and the roles with <c>_admin</c> and
/// <c>_default</c>, with hyphens and with underscores.
/// </param>
/// <param name="MayCreateInSchema">False also when the search_path has no schema.</param>
/// <param name="MayCreateRoles">Whether the user is a superuser or has CREATEROLE.</param>
/// <param name="RolesWithoutParent">
/// The first five roles in <c>tenants</c> that do not have the rights of the parent role; empty when no parent exists.
/// </param>
/// <param name="TablesOfOthers">Tables in the schema that the user does not own and cannot alter.</param>
internal sealed record Privileges(
    IReadOnlyList<string> Roles, bool MayCreateInSchema, bool MayCreateRoles, IReadOnlyList<string> TablesOfOthers,
    IReadOnlyList<string> RolesWithoutParent);

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
            from (values
                ('logto_tenant_' || current_database()),
                ('logto_tenant_' || replace(current_database(), '-', '_'))) as bases (base),
              (values (''), ('_admin'), ('_default')) as suffixes (suffix))
          order by 1
        """;

    private const string TablesOfOthers = """
        select c.relname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = current_schema() and c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'USAGE')
          order by 1
        """;

    // The last statement, because it fails when the table "tenants" is missing (before a seed) or cannot be read.
    private const string RolesWithoutParent = """
        with parents as materialized (select oid from pg_catalog.pg_roles
            where rolname in (
              ('logto_tenant_' || current_database())::name,
              ('logto_tenant_' || replace(current_database(), '-', '_'))::name))
        select r.rolname::text from tenants t join pg_catalog.pg_roles r on r.rolname = t.db_user::name
          where exists (select from parents) and not exists (select from parents p where pg_has_role(r.oid, p.oid, 'USAGE'))
          order by 1 limit 5
        """;

    public static async Task<Privileges> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { new(Rights), new(Roles), new(TablesOfOthers), new(RolesWithoutParent) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (create, createRoles) = (reader.GetBoolean(0), reader.GetBoolean(1));
        await reader.NextResultAsync(cancellationToken);
        var roles = await reader.ReadNamesAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        var tablesOfOthers = await reader.ReadNamesAsync(cancellationToken);
        return new Privileges(roles, create, createRoles, tablesOfOthers, await ReadStrangersAsync(reader, cancellationToken));
    }

    private static async Task<IReadOnlyList<string>> ReadStrangersAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        try
        {
            await reader.NextResultAsync(cancellationToken);
            return await reader.ReadNamesAsync(cancellationToken);
        }
        catch (PostgresException other)
            when (other.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn
                or PostgresErrorCodes.InsufficientPrivilege)
        {
            return [];
        }
    }
}
