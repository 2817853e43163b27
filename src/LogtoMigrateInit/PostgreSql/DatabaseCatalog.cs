using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>All objects of a database, and what depends on each of its extensions.</summary>
/// <param name="Objects">Ordered by kind and name.</param>
/// <param name="NeedExtension">
/// For each extension the objects that cannot exist without it, as <c>pg_restore --list</c> numbers them: <c>class oid</c>.
/// </param>
internal sealed record DatabaseCatalog(
    IReadOnlyList<CatalogObject> Objects, IReadOnlyDictionary<string, IReadOnlyList<string>> NeedExtension)
{
    /// <summary>Reads it in the transaction that is open, with <c>pg_catalog</c> first in the search path.</summary>
    /// <remarks>
    /// PostgreSQL prints definitions as they are now, not as the snapshot shows them. An object that is being dropped can fail this, and
    /// a sequence that is being altered blocks it. Then the definitions remain unknown.
    /// </remarks>
    public static async Task<DatabaseCatalog> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, "savepoint catalog; set local lock_timeout = '5s'", cancellationToken);
        DatabaseCatalog? catalog = null;
        try
        {
            catalog = await ReadAsync(connection, definitions: true, cancellationToken);
        }
        catch (PostgresException) when (!cancellationToken.IsCancellationRequested)
        {
            // Read again below, without what may fail.
        }

        await ExecuteAsync(connection, "rollback to catalog", cancellationToken);
        return catalog ?? await ReadAsync(connection, definitions: false, cancellationToken);
    }

    /// <summary>The same, with unknown definitions of the objects that differ in a second reading.</summary>
    /// <param name="later">What was read in the same snapshot, later.</param>
    public DatabaseCatalog Confirm(DatabaseCatalog later)
    {
        var confirmed = ByKey(later.Objects);
        return this with
        {
            Objects =
            [
                .. Objects.Select(each => confirmed.GetValueOrDefault(each.Key)?.Definition == each.Definition
                    ? each
                    : each with { Definition = null }),
            ],
        };
    }

    /// <summary>The objects by their keys; of two with the same key, which PostgreSQL does not make, the last.</summary>
    public static IReadOnlyDictionary<string, CatalogObject> ByKey(IReadOnlyList<CatalogObject> objects)
    {
        var byKey = new Dictionary<string, CatalogObject>(StringComparer.Ordinal);
        foreach (var each in objects)
        {
            byKey[each.Key] = each;
        }

        return byKey;
    }

    private static async Task<DatabaseCatalog> ReadAsync(NpgsqlConnection connection, bool definitions, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { new(CatalogSql.Query(definitions)), new(CatalogSql.OfExtensions) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var objects = new List<CatalogObject>();
        while (await reader.ReadAsync(cancellationToken))
        {
            objects.Add(new CatalogObject(
                reader.GetString(0),
                reader.GetString(1),
                await reader.ReadTextAsync(2, cancellationToken),
                await reader.ReadTextAsync(3, cancellationToken),
                await reader.ReadTextAsync(4, cancellationToken),
                await reader.IsDBNullAsync(5, cancellationToken) ? null : reader.GetInt64(5)));
        }

        await reader.NextResultAsync(cancellationToken);
        var needing = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            var extension = reader.GetString(0);
            needing[extension] = [.. needing.GetValueOrDefault(extension, []), reader.GetString(1)];
        }

        return new DatabaseCatalog(objects, needing);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statements, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(statements, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
