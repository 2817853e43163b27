using System.Globalization;
using System.Text.Json;

namespace LogtoMigrateInit.Logto;

/// <summary>
/// What the database records of the alterations applied to it: the row <c>alterationState</c> of Logto's table <c>systems</c>.
/// It need not be a timestamp that any release ships: a rollback writes one less than the lowest alteration it reverted.
/// </summary>
internal sealed record AlterationState(double Timestamp)
{
    /// <summary><c>systems</c> was created by the alteration of this timestamp, so no state in it can be older.</summary>
    public const double Oldest = 1674987042;

    /// <summary>Ten digits of seconds. An edge image of July 2025 wrote milliseconds, after which Logto deploys nothing any more.</summary>
    public const double Newest = 9_999_999_999;

    /// <summary>
    /// Reads the value of the row. Only what the CLI accepts is a state (<c>packages/schemas/src/types/system.ts</c>):
    /// it would take anything else for 0 and run every alteration since 2022 again.
    /// </summary>
    /// <exception cref="FormatException">The value is damaged; the message is the reason, in words for the operator.</exception>
    public static AlterationState Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return Read(document.RootElement, json);
        }
        catch (Exception unreadable) when (unreadable is JsonException or ArgumentException or InvalidOperationException)
        {
            // The last two are about halves of surrogate pairs, which a column of type json would let through.
            throw new FormatException($"it is not JSON that can be read but {Excerpt(json)}");
        }
    }

    /// <summary>The timestamp as Logto writes it: no exponent, decimals only where there are some.</summary>
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
