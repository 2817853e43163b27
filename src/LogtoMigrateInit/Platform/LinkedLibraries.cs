using System.Runtime.InteropServices;

namespace LogtoMigrateInit.Platform;

/// <summary>
/// Configures the C library and OpenSSL that are linked into this program. Reason: files in the image can make both load the image's
/// modules, which are built for another C library and could crash the process.
/// </summary>
internal static partial class LinkedLibraries
{
    /// <summary>
    /// Makes both ignore nsswitch.conf and openssl.cnf. Hosts are then looked up in /etc/hosts and by the servers of /etc/resolv.conf, as
    /// musl does in Logto's own image. The OpenSSL inside Node.js ignores openssl.cnf too.
    /// </summary>
    /// <remarks>Call it before anything else. The command of <c>run</c> does not see the variable.</remarks>
    public static void KeepToThemselves()
    {
        // https://sourceware.org/glibc/manual/latest/html_node/NSS-Basics.html
        _ = ConfigureLookup("hosts", "files dns");
        _ = ConfigureLookup("passwd", "files");
        _ = ConfigureLookup("group", "files");

        // https://docs.openssl.org/3.0/man7/openssl-env/. OpenSSL reads the file at its first use, such as the first hash of a password.
        _ = SetVariable("OPENSSL_CONF", "/dev/null", 1);
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "__nss_configure_lookup", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ConfigureLookup(string database, string services);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
