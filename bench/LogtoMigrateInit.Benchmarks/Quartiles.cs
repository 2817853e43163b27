namespace LogtoMigrateInit.Benchmarks;

/// <summary>The middle of a sample and how far it spreads.</summary>
/// <param name="Q1">A quarter of the sample is smaller.</param>
/// <param name="Median">Half of it is.</param>
/// <param name="Q3">Three quarters are.</param>
/// <param name="Max">None is larger.</param>
/// <param name="Count">How large the sample is.</param>
internal sealed record Quartiles(double Q1, double Median, double Q3, double Max, int Count)
{
    public static Quartiles Of(IEnumerable<double> sample)
    {
        var sorted = sample.Order().ToArray();
        return new Quartiles(At(0.25), At(0.5), At(0.75), sorted[^1], sorted.Length);

        double At(double part)
        {
            var position = part * (sorted.Length - 1);
            var below = (int)position;
            var above = Math.Min(below + 1, sorted.Length - 1);
            return sorted[below] + ((sorted[above] - sorted[below]) * (position - below));
        }
    }
}
