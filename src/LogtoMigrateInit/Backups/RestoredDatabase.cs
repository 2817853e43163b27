using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Backups;

/// <summary>A statement of a dump that a server refused.</summary>
/// <param name="Text">As the log shows it.</param>
/// <param name="IsDenied">For lack of rights, and not because of something that is missing.</param>
internal sealed record RefusedStatement(string Text, bool IsDenied);

/// <summary>A database that <c>pg_restore</c> has just filled, and the steps that <c>pg_restore</c> does not do.</summary>
internal sealed class RestoredDatabase : IAsyncDisposable
{
    private static readonly string[] RightsToSchema = ["create", "usage"];

    private readonly NpgsqlConnection _connection;
    private readonly ILogger _logger;

    private RestoredDatabase(NpgsqlConnection connection, ILogger logger) => (_connection, _logger) = (connection, logger);

    /// <summary>In Logto's schema.</summary>
    public NpgsqlConnection Connection => _connection;

    /// <summary>Statements of the dump that the server refused.</summary>
    public List<RefusedStatement> Refused { get; } = [];

    private const string MissingRoles = """
        select name
        from (select $1::text as name union select db_user::text from tenants where db_user is not null) needed
        where not exists (select from pg_catalog.pg_roles where rolname = name)
        order by name = $1
        """;

    // The settings that lead a role there are for the database of the old name.
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

    /// <exception cref="DatabaseException">It refused us, or was not reached in time.</exception>
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

    /// <summary>Collects statistics. No dump before PostgreSQL 18 has them, and Logto's first queries are slow without.</summary>
    public Task AnalyzeAsync(CancellationToken cancellationToken) => ExecuteAsync("analyze", cancellationToken);

    /// <summary>
    /// Gives objects to their recorded owners, where this user is a member of them. What the server refuses is found by the comparison.
    /// </summary>
    /// <param name="recorded">The catalog of the dumped database.</param>
    /// <param name="assumable">The roles that may become owners.</param>
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
    /// Takes from everybody what the dumped schema <c>public</c> did not give. A new database of PostgreSQL 14 lets everybody create in
    /// it, and a newer <c>pg_dump</c> does not write that the dumped one did not. What the server refuses is found by the comparison.
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

    /// <summary>Makes the roles that Logto logs in as, where they are missing.</summary>
    /// <param name="parent">See <see cref="RestoreJob.Parent"/>.</param>
    /// <param name="mark">Their comment until the swap: <see cref="ScratchNames.MarkOf"/>.</param>
    /// <param name="made">Gets the names of those that are missing, before one is made.</param>
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

    /// <summary>Grants the rights of the dump one by one. Those of Logto's roles must succeed; the log has the others that fail.</summary>
    /// <param name="statements">Grants and default privileges.</param>
    /// <param name="isLogtos">Whether a role is one of Logto's own.</param>
    /// <param name="rolesIn">Returns the roles that a statement names.</param>
    /// <param name="isCompared">Whether a comparison finds what the schema <c>public</c> lacks, which only its owner can change.</param>
    /// <exception cref="DatabaseException">A right of Logto's own roles was refused.</exception>
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
                // Default privileges of other roles concern only tables that those roles create.
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

    /// <summary>Gives the database the settings and rights of the dumped one at once. Until then only its owner may connect.</summary>
    /// <param name="statements">Statements about this database by its present name, relative to a new database.</param>
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

    /// <summary>Reads the passwords that the table <c>tenants</c> holds for these roles.</summary>
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

    /// <summary>Gives roles these passwords, in the transaction that is open. The server and its log get verifiers of them only.</summary>
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

    /// <summary>Removes the mark of a restore from the roles that it made, in the transaction that is open.</summary>
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

    /// <summary>A statement for the log: the value of a setting may be a secret.</summary>
    private static string Shown(string statement) => SqlText.WithoutLiterals(statement);

    /// <returns>Null when there is no such statement for this kind of object.</returns>
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
