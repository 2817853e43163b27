using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// Logto's roles for a copy. Reason: roles belong to the whole server, and alterations grant rights to the roles that have the name of
/// their database (<c>logto_tenant_…</c>). A copy has its own roles, so that no grant on the copy reaches a role of the real database.
/// </summary>
/// <param name="database">The name of the real database.</param>
/// <param name="copy">The name of the copy.</param>
internal sealed class CopiedRoles(string database, string copy)
{
    private static readonly string[] Spellings = ["-", "_"];

    /// <summary>Returns the name of one of Logto's roles on the copy. Any other role keeps its name.</summary>
    public string NameFor(string role)
    {
        foreach (var hyphen in Spellings)
        {
            var parent = LogtoNames.RolePrefix + database.Replace("-", hyphen, StringComparison.Ordinal);
            if (role == parent || role.StartsWith($"{parent}_", StringComparison.Ordinal))
            {
                return LogtoNames.RolePrefix + copy.Replace("-", hyphen, StringComparison.Ordinal) + role[parent.Length..];
            }
        }

        return role;
    }

    /// <summary>Replaces the copy's role names in a text by those of the real database.</summary>
    public string WithRealRoles(string text) => Spellings.Aggregate(
        text,
        (named, hyphen) => named.Replace(
            LogtoNames.RolePrefix + copy.Replace("-", hyphen, StringComparison.Ordinal),
            LogtoNames.RolePrefix + database.Replace("-", hyphen, StringComparison.Ordinal),
            StringComparison.Ordinal));

    /// <summary>Creates the copy's roles without the right to log in, and writes them into the copy's table <c>tenants</c>.</summary>
    /// <param name="connection">A connection to the copy whose search_path leads to Logto's schema.</param>
    /// <param name="roles">The roles of the real database, such as <c>logto_tenant_logto</c> and <c>logto_tenant_logto_default</c>.</param>
    /// <exception cref="PostgresException">The server refused.</exception>
    public async Task MakeAsync(NpgsqlConnection connection, IReadOnlyList<string> roles, CancellationToken cancellationToken)
    {
        foreach (var role in roles.OrderBy(role => role.Length))
        {
            var parent = roles.Where(other => role.StartsWith($"{other}_", StringComparison.Ordinal)).MaxBy(other => other.Length);
            var attributes = $"nologin {(parent is null ? "noinherit" : $"in role {SqlNames.Quote(NameFor(parent))}")}";

            // Some clouds refuse a role without a password.
            var escaped = attributes.Replace("'", "''", StringComparison.Ordinal).Replace("%", "%%", StringComparison.Ordinal);
            await ExecuteAsync($"""
                begin
                execute format('create role %I {escaped} password %L', {SqlNames.Literal(NameFor(role))}, gen_random_uuid());
                end
                """);
            await ExecuteAsync($"""
                begin
                update tenants
                  set db_user = {SqlNames.Literal(NameFor(role))}
                  where db_user = {SqlNames.Literal(role)};
                exception when undefined_table or undefined_column then null;
                end
                """);
        }

        async Task ExecuteAsync(string body)
        {
            await using var command = new NpgsqlCommand(SqlNames.Do(body), connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
