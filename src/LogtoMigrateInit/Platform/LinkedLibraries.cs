using System.Runtime.InteropServices;

namespace LogtoMigrateInit.Platform;

/// <summary>
/// The C library and OpenSSL that are linked into this program. A file in the image can make both load the image's modules. These modules
/// are built for another C library, and could crash the process.
/// </summary>
internal static partial class LinkedLibraries
{
    /// <summary>
    /// Ignores nsswitch.conf: hosts are looked up in /etc/hosts, and then by the servers of /etc/resolv.conf. Logto's own image has musl,
    /// which does the same. Also ignores openssl.cnf, as the OpenSSL inside Node.js does.
    /// </summary>
    /// <remarks>Call it first of all. The command that <c>run</c> becomes does not see the variable.</remarks>
    public static void KeepToThemselves()
    {
        // https://sourceware.org/glibc/manual/latest/html_node/NSS-Basics.html
        _ = ConfigureLookup("hosts", "files dns");
        _ = ConfigureLookup("passwd", "files");
        _ = ConfigureLookup("group", "files");

        // https://docs.openssl.org/3.0/man7/openssl-env/; OpenSSL reads it when the first password is hashed.
        _ = SetVariable("OPENSSL_CONF", "/dev/null", 1);
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "__nss_configure_lookup", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ConfigureLookup(string database, string services);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
