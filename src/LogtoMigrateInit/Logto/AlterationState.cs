using System.Globalization;
using System.Text.Json;

namespace LogtoMigrateInit.Logto;

/// <summary>
/// The state that the database records: the row <c>alterationState</c> of Logto's table <c>systems</c>. It need not be the timestamp of an
/// alteration, because a rollback writes one less than the lowest timestamp that it reverted.
/// </summary>
/// <param name="Timestamp">Seconds since 1970.</param>
internal sealed record AlterationState(double Timestamp)
{
    /// <summary>The oldest possible state: the alteration of this timestamp creates <c>systems</c>.</summary>
    public const double Oldest = 1674987042;

    /// <summary>Ten digits. An edge image of July 2025 wrote milliseconds; with such a state Logto never deploys anything again.</summary>
    public const double Newest = 9_999_999_999;

    /// <summary>
    /// Reads the value of the row. It accepts only values that the CLI accepts (<c>packages/schemas/src/types/system.ts</c>). Reason: the
    /// CLI takes any other value for 0, and would run every alteration since 2022 again.
    /// </summary>
    /// <exception cref="FormatException">The value is damaged. The message is the reason, for the operator.</exception>
    public static AlterationState Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return Read(document.RootElement, json);
        }
        catch (Exception unreadable) when (unreadable is JsonException or ArgumentException or InvalidOperationException)
        {
            // Halves of surrogate pairs cause the last two. A column of type json accepts them.
            throw new FormatException($"it is not JSON that can be read but {Excerpt(json)}");
        }
    }

    /// <summary>Formats a timestamp as Logto does: without an exponent, and with decimals only if it has some.</summary>
    public static string Format(double timestamp) => timestamp.ToString("0.######", CultureInfo.InvariantCulture);

    public override string ToString() => Format(Timestamp);

    private static AlterationState Read(JsonElement value, string json)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException($"it is not a JSON object but {Excerpt(json)}");
        }

        if (!value.TryGetProperty("timestamp", out var timestamp) || timestamp.ValueKind != JsonValueKind.Number)
        {
            throw new FormatException($"its timestamp is not a number: {Excerpt(json)}");
        }

        if (value.TryGetProperty("updatedAt", out var updatedAt) && updatedAt.ValueKind != JsonValueKind.String)
        {
            throw new FormatException($"its updatedAt is not a text: {Excerpt(json)}");
        }

        return timestamp.GetDouble() switch
        {
            <= 0 => throw new FormatException($"its timestamp is not above zero: {Excerpt(json)}"),
            > Newest => throw new FormatException(
                $"its timestamp has more than 10 digits, as an edge image of July 2025 wrote it: {Excerpt(json)}"),
            < Oldest => throw new FormatException(
                $"its timestamp is older than {Format(Oldest)}, the alteration that creates the table 'systems': {Excerpt(json)}"),
            var seconds => new AlterationState(seconds),
        };
    }

    private static string Excerpt(string json) => json.Length <= 100 ? json : json[..100] + "…";
}
