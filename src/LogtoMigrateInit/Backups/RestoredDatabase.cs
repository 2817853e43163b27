using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Backups;

/// <summary>A statement of a dump that a server refused.</summary>
/// <param name="Text">The statement without literals.</param>
/// <param name="IsDenied">Whether rights were missing, and not an object.</param>
internal sealed record RefusedStatement(string Text, bool IsDenied);

/// <summary>Completes a database that <c>pg_restore</c> has just filled, with the steps that <c>pg_restore</c> does not do.</summary>
internal sealed class RestoredDatabase : IAsyncDisposable
{
    private static readonly string[] RightsToSchema = ["create", "usage"];

    private readonly NpgsqlConnection _connection;
    private readonly ILogger _logger;

    private RestoredDatabase(NpgsqlConnection connection, ILogger logger) => (_connection, _logger) = (connection, logger);

    /// <summary>The connection. Its search_path leads to Logto's schema.</summary>
    public NpgsqlConnection Connection => _connection;

    /// <summary>Statements of the dump that the server refused.</summary>
    public List<RefusedStatement> Refused { get; } = [];

    private const string MissingRoles = """
        select name
        from (select $1::text as name union select db_user::text from tenants where db_user is not null) needed
        where not exists (select from pg_catalog.pg_roles where rolname = name)
        order by name = $1
        """;

    // A role's search_path may be set for the database of the final name only, so it has no effect here.
    private const string EnterLogtosSchema = """
        select set_config('search_path', quote_ident(n.nspname), false)
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relname = 'tenants'
          and c.relkind = 'r'
          and exists (select from pg_catalog.pg_class s where s.relnamespace = n.oid and s.relname = 'systems')
        order by n.nspname
        limit 1
        """;

    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    public static async Task<RestoredDatabase> OpenAsync(LogtoDatabase database, ILogger logger, CancellationToken cancellationToken)
    {
        var restored = new RestoredDatabase(await database.RetryAsync(database.OpenForWorkAsync, cancellationToken), logger);
        try
        {
            await restored.ExecuteAsync(EnterLogtosSchema, cancellationToken);
            return restored;
        }
        catch
        {
            await restored.DisposeAsync();
            throw;
        }
    }

    /// <summary>Collects statistics. Dumps before PostgreSQL 18 have none, and Logto's first queries are slow without them.</summary>
    public Task AnalyzeAsync(CancellationToken cancellationToken) => ExecuteAsync("analyze", cancellationToken);

    /// <summary>
    /// Gives objects to their recorded owners, if the user may assign them. A refusal is only logged, because the comparison finds it.
    /// </summary>
    /// <param name="recorded">The objects of the dumped database.</param>
    /// <param name="assumable">The roles to which the user may give objects.</param>
    public async Task ReturnOwnersAsync(
        IReadOnlyList<CatalogObject> recorded, IReadOnlySet<string> assumable, CancellationToken cancellationToken)
    {
        var former = DatabaseCatalog.ByKey(recorded);
        var present = (await ReadCatalogAsync(cancellationToken)).Objects
            .OrderBy(each => each.Kind switch { "database" => 0, "schema" => 1, _ => 2 });
        foreach (var each in present)
        {
            if (former.GetValueOrDefault(each.Key)?.Owner is { } owner && owner != each.Owner && assumable.Contains(owner)
                && OwnerStatement(each, owner) is { } statement)
            {
                await TryAsync(statement, cancellationToken);
            }
        }
    }

    /// <summary>
    /// Revokes the rights of PUBLIC on the schema <c>public</c> that the dumped database did not grant. Reason: a new database of
    /// PostgreSQL 14 lets PUBLIC create objects there, and a newer <c>pg_dump</c> does not write the revocation. A refusal is only logged,
    /// because the comparison finds it.
    /// </summary>
    public async Task ClosePublicAsync(IReadOnlyList<CatalogObject> recorded, CancellationToken cancellationToken)
    {
        var schema = recorded.FirstOrDefault(each => each is { Kind: "schema", Name: "public" });
        if (schema is null)
        {
            return;
        }

        var ofEverybody = (schema.Rights ?? "").Split('\n').FirstOrDefault(line => line.StartsWith('=')) ?? "=";
        var given = ofEverybody[1..].Split(',');
        foreach (var right in RightsToSchema.Where(right => !given.Contains(right)))
        {
            await TryAsync($"revoke {right} on schema public from public", cancellationToken);
        }
    }

    /// <summary>Creates Logto's missing roles.</summary>
    /// <param name="parent">The parent role (<see cref="RestoreJob.Parent"/>).</param>
    /// <param name="mark">The comment of these roles until the swap (<see cref="ScratchNames.MarkOf"/>).</param>
    /// <param name="made">Receives the names of the missing roles before the first is created.</param>
    /// <exception cref="DatabaseException">The server refused.</exception>
    public async Task MakeRolesAsync(string parent, string mark, List<string> made, CancellationToken cancellationToken)
    {
        try
        {
            await using var missing = new NpgsqlCommand(MissingRoles, _connection) { Parameters = { new() { Value = parent } } };
            await using (var reader = await missing.ExecuteReaderAsync(cancellationToken))
            {
                made.AddRange(await reader.ReadNamesAsync(cancellationToken));
            }

            await using var transaction = await _connection.BeginTransactionAsync(cancellationToken);
            await ExecuteAsync(TenantRolesSql.MakeRolesFor(parent), cancellationToken);
            foreach (var role in made)
            {
                await ExecuteAsync($"comment on role {SqlNames.Quote(role)} is {SqlNames.Literal(mark)}", cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
        }
        catch (PostgresException refusal)
        {
            throw new DatabaseException(
                DatabaseFailure.Never,
                $"Logto's own roles could not be made: {refusal.MessageText}",
                $"let the user create roles (`alter role {SqlNames.Quote(_connection.UserName!)} createrole` as a superuser)",
                refusal);
        }
    }

    /// <summary>Grants the rights of the dump one by one. Rights of Logto's roles must succeed. Other failures are logged.</summary>
    /// <param name="statements">Grants and default privileges.</param>
    /// <param name="isLogtos">Whether a role is one of Logto's.</param>
    /// <param name="rolesIn">Returns the roles in a statement.</param>
    /// <param name="isCompared">
    /// Whether a comparison follows. It finds missing rights on the schema <c>public</c>, so that failures about that schema are not
    /// reported.
    /// </param>
    /// <exception cref="DatabaseException">The server refused a right of Logto's roles.</exception>
    public async Task GrantAsync(
        IEnumerable<string> statements,
        Func<string, bool> isLogtos,
        Func<string, IEnumerable<string>> rolesIn,
        CancellationToken cancellationToken,
        bool isCompared = false)
    {
        var notices = new List<PostgresNotice>();
        _connection.Notice += (_, arguments) => notices.Add(arguments.Notice);
        foreach (var statement in statements)
        {
            try
            {
                notices.Clear();
                await ExecuteAsync(statement, cancellationToken);
                if (notices.Find(IsAboutRights) is { } warning && !(isCompared && IsAboutPublic(statement)))
                {
                    Report(statement, warning.MessageText, isDenied: true);
                }
            }
            catch (PostgresException refusal)
            {
                // Default privileges of other roles apply only to tables that those roles create.
                var isDefault = statement.StartsWith("ALTER DEFAULT PRIVILEGES ", StringComparison.Ordinal);
                if (!isDefault && rolesIn(statement).Any(isLogtos))
                {
                    throw new DatabaseException(
                        DatabaseFailure.Never,
                        $"`{statement}` failed: {refusal.MessageText}",
                        "restore as the owner of Logto's tables or as a superuser",
                        refusal);
                }

                if (!(isCompared && IsAboutPublic(statement)))
                {
                    Report(statement, refusal.MessageText, refusal.SqlState == PostgresErrorCodes.InsufficientPrivilege);
                }
            }
        }
    }

    /// <summary>
    /// Gives the database the settings and rights of the dumped one, in one transaction. Until then only its owner may connect.
    /// </summary>
    /// <param name="statements">Statements about this database under its present name, as for a database that was just created.</param>
    public async Task ApplyAsync(IEnumerable<string> statements, CancellationToken cancellationToken)
    {
        await ExecuteAsync("begin", cancellationToken);
        await ExecuteAsync($"grant connect, temporary on database {SqlNames.Quote(_connection.Database)} to public", cancellationToken);
        foreach (var statement in statements)
        {
            await ExecuteAsync("savepoint statement", cancellationToken);
            try
            {
                await ExecuteAsync(statement, cancellationToken);
            }
            catch (PostgresException refusal)
            {
                Report(statement, refusal.MessageText, refusal.SqlState == PostgresErrorCodes.InsufficientPrivilege);
                await ExecuteAsync("rollback to statement", cancellationToken);
            }
        }

        await ExecuteAsync("commit", cancellationToken);
    }

    /// <summary>Reads the passwords of these roles from the table <c>tenants</c>.</summary>
    public static async Task<IReadOnlyList<(string Role, string Password)>> ReadPasswordsAsync(
        NpgsqlConnection connection, IReadOnlyList<string> roles, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select db_user::text, db_user_password::text from tenants where db_user = any (string_to_array($1, ','))", connection)
        {
            Parameters = { new() { Value = string.Join(',', roles) } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var passwords = new List<(string, string)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            passwords.Add((reader.GetString(0), reader.GetString(1)));
        }

        return passwords;
    }

    /// <summary>Sets passwords of roles in the open transaction. The server and its log get only SCRAM verifiers.</summary>
    /// <exception cref="DatabaseException">The server refused.</exception>
    public static async Task SetPasswordsAsync(
        NpgsqlConnection connection, IEnumerable<(string Role, string Password)> passwords, CancellationToken cancellationToken)
    {
        foreach (var (role, password) in passwords)
        {
            try
            {
                await using var command = new NpgsqlCommand(
                    $"alter role {SqlNames.Quote(role)} password {SqlNames.Literal(ScramVerifier.Of(password))}", connection);
                await command.ExecuteNonQueryAsync(cancellationToken);
            }
            catch (PostgresException refusal)
            {
                throw new DatabaseException(
                    DatabaseFailure.Never,
                    $"the role {role} has another password than this backup, and could not be given that one: {refusal.MessageText}",
                    "restore as a superuser, or as who made this role", refusal);
            }
        }
    }

    /// <summary>Removes the mark from the roles that the restore created, in the open transaction.</summary>
    public static async Task KeepRolesAsync(NpgsqlConnection connection, IEnumerable<string> made, CancellationToken cancellationToken)
    {
        foreach (var role in made)
        {
            await using var command = new NpgsqlCommand($"comment on role {SqlNames.Quote(role)} is null", connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync() => await LogtoDatabase.CloseAsync(_connection);

    // "privilege_not_granted" and "privilege_not_revoked" are warnings (https://www.postgresql.org/docs/current/errcodes-appendix.html).
    private static bool IsAboutRights(PostgresNotice notice) => notice.SqlState is "01006" or "01007";

    private void Report(string statement, string reason, bool isDenied)
    {
        Refused.Add(new RefusedStatement(Shown(statement), isDenied));
        _logger.NotCarriedOver(SqlText.ForLog(statement), reason);
    }

    private static bool IsAboutPublic(string statement) => statement.Contains(" ON SCHEMA public ", StringComparison.Ordinal);

    /// <summary>Returns a statement without literals, because the value of a setting may be a secret.</summary>
    private static string Shown(string statement) => SqlText.WithoutLiterals(statement);

    /// <returns>Null when PostgreSQL has no such statement for this kind of object.</returns>
    private string? OwnerStatement(CatalogObject each, string owner)
    {
        var what = each.Kind switch
        {
            "database" => $"database {SqlNames.Quote(_connection.Database)}",
            "statistics object" => $"statistics {each.Name}",
            "foreign-data wrapper" => $"foreign data wrapper {each.Name}",
            "extension" or "default acl" => null,
            _ => $"{each.Kind} {each.Name}",
        };
        return what is null ? null : $"alter {what} owner to {SqlNames.Quote(owner)}";
    }

    private async Task<DatabaseCatalog> ReadCatalogAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync("begin; set local search_path = pg_catalog", cancellationToken);
        var catalog = await DatabaseCatalog.ReadAsync(_connection, cancellationToken);
        await ExecuteAsync("commit", cancellationToken);
        return catalog;
    }

    private async Task TryAsync(string statement, CancellationToken cancellationToken)
    {
        try
        {
            await ExecuteAsync(statement, cancellationToken);
        }
        catch (PostgresException refusal)
        {
            _logger.StatementRefused(SqlText.ForLog(statement), refusal.MessageText);
        }
    }

    private async Task ExecuteAsync(string statement, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(statement, _connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
