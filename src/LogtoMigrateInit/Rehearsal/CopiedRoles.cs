using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// Logto's roles for a copy. Roles belong to the whole cluster and carry the name of their database, and alterations grant to those of the
/// database that they run in (<c>logto_tenant_…</c>); a copy has others, so that nothing done there reaches a role of the real one.
/// </summary>
/// <param name="database">The name of the real database.</param>
/// <param name="copy">The name of the copy.</param>
internal sealed class CopiedRoles(string database, string copy)
{
    private static readonly string[] Spellings = ["-", "_"];

    /// <summary>What one of Logto's roles is called for the copy; any other role keeps its name.</summary>
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

    /// <summary>A text from the copy with the names that the roles have for the real database.</summary>
    public string RealNames(string text) => Spellings.Aggregate(
        text,
        (named, hyphen) => named.Replace(
            LogtoNames.RolePrefix + copy.Replace("-", hyphen, StringComparison.Ordinal), LogtoNames.RolePrefix + database.Replace("-", hyphen, StringComparison.Ordinal), StringComparison.Ordinal));

    /// <summary>Makes the roles for the copy, none of which can log in, and enters them where the copy's table names the real ones.</summary>
    /// <param name="connection">To the copy, in Logto's schema.</param>
    /// <param name="roles">Those of the real database that exist, such as <c>logto_tenant_logto</c> and <c>logto_tenant_logto_default</c>.</param>
    /// <exception cref="PostgresException">The server refused.</exception>
    public async Task MakeAsync(NpgsqlConnection connection, IReadOnlyList<string> roles, CancellationToken cancellationToken)
    {
        foreach (var role in roles.OrderBy(role => role.Length))
        {
            var parent = roles.Where(other => role.StartsWith($"{other}_", StringComparison.Ordinal)).MaxBy(other => other.Length);
            var attributes = $"nologin {(parent is null ? "noinherit" : $"in role {SqlNames.Quote(NameFor(parent))}")}";

            // Some clouds refuse a role without a password.
            await ExecuteAsync($"do $$ begin execute format('create role %I {attributes.Replace("'", "''", StringComparison.Ordinal).Replace("%", "%%", StringComparison.Ordinal)} password %L', {SqlNames.Literal(NameFor(role))}, gen_random_uuid()); end $$");
            await ExecuteAsync($"""
                do $$ begin
                update tenants set db_user = {SqlNames.Literal(NameFor(role))} where db_user = {SqlNames.Literal(role)};
                exception when undefined_table or undefined_column then null;
                end $$
                """);
        }

        async Task ExecuteAsync(string statement)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
