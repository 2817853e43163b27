using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Drift;

/// <summary>
/// The roles of all tenants, each with whether it is a superuser or has BYPASSRLS. Either would open each tenant's rows to the others.
/// </summary>
/// <param name="Parent">The quoted name of the roles' parent role; null when none is a member of one.</param>
/// <param name="Objects">One object for each role.</param>
internal sealed record TenantRoles(string? Parent, IReadOnlyList<SchemaObject> Objects)
{
    private const string Plain = "nosuperuser nobypassrls";

    private const string Query = """
        select quote_ident(r.rolname),
            concat_ws(
              ' ', case when r.rolsuper then 'superuser' else 'nosuperuser' end,
              case when r.rolbypassrls then 'bypassrls' else 'nobypassrls' end),
            (
              select quote_ident(p.rolname)
                from pg_catalog.pg_auth_members m
                join pg_catalog.pg_roles p on p.oid = m.roleid
                where m.member = r.oid
                  and starts_with(p.rolname, 'logto_tenant_')
                order by length(p.rolname)
                limit 1)
          from tenants t
          join pg_catalog.pg_roles r on r.rolname = t.db_user::name
          order by 1
        """;

    /// <param name="connection">A connection to the real database whose search_path leads to Logto's schema.</param>
    public static async Task<TenantRoles> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Query, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var (parent, objects) = ((string?)null, new List<SchemaObject>());
        while (await reader.ReadAsync(cancellationToken))
        {
            objects.Add(new SchemaObject("role", null, reader.GetString(0), reader.GetString(1), null));
            parent ??= await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetString(2);
        }

        return new TenantRoles(parent, objects);
    }

    /// <summary>Returns the role with the attributes that Logto's seed gives it.</summary>
    public static SchemaObject AsExpected(SchemaObject role) =>
        role with { Definition = Plain, Sql = $"alter role {role.Name} {Plain}" };
}
