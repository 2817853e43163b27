using LogtoMigrateInit.EndToEndTests;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Begins with the classes whose tests may take longest: the tests of a class run one after the other, and one that is begun last keeps all of the machine waiting.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection
    {
        var limits = typeof(LongestFirst).Assembly.GetTypes().ToDictionary(type => $"Test collection for {type.FullName} ", Limits);
        return [.. testCollections.OrderByDescending(collection => limits.GetValueOrDefault(collection.TestCollectionDisplayName.Split('(')[0]))];
    }

    /// <summary>The longest limit, and all together, in milliseconds.</summary>
    private static (int Longest, int Sum) Limits(Type type)
    {
        var limits = type.GetMethods().SelectMany(method => method.GetCustomAttributes(false).OfType<IFactAttribute>()).Select(fact => fact.Timeout).ToArray();
        return (limits.DefaultIfEmpty().Max(), limits.Sum());
    }
}
