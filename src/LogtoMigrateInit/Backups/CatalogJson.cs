using System.Text.Json;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// Reads and writes the catalog of a record. Objects with the same kind, owner and rights form a group, which has these once.
/// </summary>
internal static class CatalogJson
{
    public static void Write(Utf8JsonWriter json, DatabaseCatalog catalog)
    {
        json.WriteStartArray("catalog");
        foreach (var same in catalog.Objects.GroupBy(each => $"{each.Kind}\n{each.Owner}\n{each.Rights}"))
        {
            json.WriteStartObject();
            var first = same.First();
            json.WriteString("kind", first.Kind);
            json.WriteString("owner", first.Owner);
            json.WriteString("rights", first.Rights);
            json.WriteStartObject("definitions");
            foreach (var each in same)
            {
                json.WriteString(each.Name, each.Definition);
            }

            json.WriteEndObject();
            json.WriteStartObject("values");
            foreach (var each in same)
            {
                if (each.Value is { } value)
                {
                    json.WriteNumber(each.Name, value);
                }
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteNeeds(json, catalog);
    }

    private static void WriteNeeds(Utf8JsonWriter json, DatabaseCatalog catalog)
    {
        json.WriteStartObject("needExtension");
        foreach (var (extension, objects) in catalog.NeedExtension)
        {
            json.WriteStartArray(extension);
            foreach (var each in objects)
            {
                json.WriteStringValue(each);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    /// <returns>Null when the record has no catalog, as in version 1.</returns>
    /// <exception cref="KeyNotFoundException">A part of the catalog is missing.</exception>
    /// <exception cref="InvalidOperationException">A part of the catalog has another JSON type.</exception>
    public static DatabaseCatalog? Read(JsonElement record)
    {
        if (!record.TryGetProperty("catalog", out var groups) || groups.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        var objects = new List<CatalogObject>();
        foreach (var group in groups.EnumerateArray())
        {
            var kind = group.GetProperty("kind").GetString()!;
            var owner = group.GetProperty("owner").GetString();
            var rights = group.GetProperty("rights").GetString();
            var values = group.GetProperty("values");
            foreach (var each in group.GetProperty("definitions").EnumerateObject())
            {
                long? value = values.TryGetProperty(each.Name, out var number) ? number.GetInt64() : null;
                objects.Add(new CatalogObject(kind, each.Name, owner, rights, each.Value.GetString(), value));
            }
        }

        var needing = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var extension in record.GetProperty("needExtension").EnumerateObject())
        {
            needing[extension.Name] = [.. extension.Value.EnumerateArray().Select(each => each.GetString()!)];
        }

        return new DatabaseCatalog(objects, needing);
    }
}
