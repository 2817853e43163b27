using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Configuration;

/// <summary>Finds variables that carry our prefix and mean nothing: a misspelt one must not be ignored in silence.</summary>
internal static partial class UnknownVariables
{
    private const int LikelyMisspelling = 6;

    public static IEnumerable<string> Describe(IEnumerable<string> names) =>
        from name in names
        where name.StartsWith(Variables.Prefix, StringComparison.Ordinal)
            && Variables.All.All(variable => variable.Name != name)
            && !ServiceLink().IsMatch(name)
        orderby name
        let nearest = Variables.All.Where(variable => variable.Name.StartsWith(Variables.Prefix, StringComparison.Ordinal)).MinBy(variable => Distance(name, variable.Name))!
        select Distance(name, nearest.Name) <= LikelyMisspelling
            ? $"{name} is unknown; did you mean {nearest.Name}?"
            : $"{name} is unknown; the README lists every variable";

    /// <summary>The Levenshtein distance.</summary>
    private static int Distance(string left, string right)
    {
        var previous = Enumerable.Range(0, right.Length + 1).ToArray();
        foreach (var (row, character) in left.Index())
        {
            var current = new int[right.Length + 1];
            current[0] = row + 1;
            for (var column = 1; column <= right.Length; column++)
            {
                var substitution = previous[column - 1] + (character == right[column - 1] ? 0 : 1);
                current[column] = Math.Min(substitution, 1 + Math.Min(previous[column], current[column - 1]));
            }

            previous = current;
        }

        return previous[^1];
    }

    /// <summary>
    /// Kubernetes sets these in every pod beside a Service whose name begins with "logto-init"
    /// (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
    /// </summary>
    [GeneratedRegex(@"^LOGTO_INIT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)\z", RegexOptions.CultureInvariant)]
    private static partial Regex ServiceLink();
}
