using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>All objects of a database, and the dependents of its extensions.</summary>
/// <param name="Objects">The objects, sorted by kind and name.</param>
/// <param name="NeedExtension">
/// For each extension the objects that depend on it. Each is <c>class oid</c>, as in <c>pg_restore --list</c>.
/// </param>
internal sealed record DatabaseCatalog(
    IReadOnlyList<CatalogObject> Objects, IReadOnlyDictionary<string, IReadOnlyList<string>> NeedExtension)
{
    /// <summary>Reads the catalog in the open transaction, whose search_path must be <c>pg_catalog</c>.</summary>
    /// <remarks>
    /// PostgreSQL prints the present definitions, not those of the snapshot. So an object that is being dropped can make the query fail,
    /// and a sequence that is being altered blocks it. Then the definitions stay unknown.
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
            // Read again below, without definitions.
        }

        await ExecuteAsync(connection, "rollback to catalog", cancellationToken);
        return catalog ?? await ReadAsync(connection, definitions: false, cancellationToken);
    }

    /// <summary>Returns the catalog without the definitions that differ in a later reading, because they changed during the dump.</summary>
    /// <param name="later">A later reading in the same snapshot.</param>
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

    /// <summary>
    /// Returns the objects by their keys. Of two objects with the same key, which PostgreSQL does not allow, the last counts.
    /// </summary>
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
